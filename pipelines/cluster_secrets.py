"""New credentials for a cluster, as Secrets for kubectl: nothing is written anywhere, and no two installations share any.

    python pipelines/cluster_secrets.py | kubectl create -f -

``create`` and not ``apply``: where they are there already, kubectl refuses, and what the database was made with stays.
"""

import base64
import json
import secrets
import sys

NAMESPACE = "podium"
BUCKET = "mlflow"


def word() -> str:
    """256 random bits that need no quoting anywhere."""
    return secrets.token_hex(32)


def credentials() -> dict[str, dict[str, str]]:
    """Every Secret that k8s/ refers to, and its keys."""
    store = {"access_key": secrets.token_hex(10), "secret_key": word()}
    actions = [f"{action}:{BUCKET}" for action in ("Admin", "Read", "Write", "List", "Tagging")]
    identity = {
        "name": "mlflow",
        "credentials": [{"accessKey": store["access_key"], "secretKey": store["secret_key"]}],
        "actions": actions,
    }
    return {
        "postgres": {"admin": word(), "mlflow": word(), "backup": word()},
        "objects": {"s3.json": json.dumps({"identities": [identity]})},
        "objects-mlflow": store,
        "mlflow": {"admin_password": word(), "flask_secret_key": word()},
        "mlflow-client": {"username": "podium", "password": word()},
        "ray-token": {"auth_token": word()},
    }


def manifest(name: str, values: dict[str, str]) -> dict[str, object]:
    """One Secret as Kubernetes wants it."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    labels = {"app.kubernetes.io/part-of": "podium"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "immutable": False,
        "data": data,
    }


def main() -> int:
    """Print the Secrets, but never to a terminal, where they would stay to be read."""
    if sys.stdout.isatty():
        print("podium: secrets go into a pipe: ... | kubectl create -f -", file=sys.stderr)
        return 2
    items = [manifest(name, values) for name, values in credentials().items()]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
