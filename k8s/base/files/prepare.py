"""Before MLflow's server starts: its bucket, both schemas, the administrator and the account that runs log with.

One replica at a time, by a lock of the database, and nothing that is there already is touched.
"""

import os

import boto3
import psycopg
from botocore.exceptions import ClientError
from mlflow.server.auth import bootstrap_admin_user, store
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

BUCKET = "mlflow"
LOCK = 20261121  # any number, the same for all replicas


def make_bucket() -> None:
    """Make the bucket of artifacts where it is missing."""
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    try:
        client.head_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        client.create_bucket(Bucket=BUCKET)


def make_accounts() -> None:
    """The administrator, and the account without rights of its own that training uses."""
    bootstrap_admin_user()
    name = os.environ["MLFLOW_TRACKING_USERNAME"]
    if not store.has_user(name):
        store.create_user(name, os.environ["MLFLOW_TRACKING_PASSWORD"], is_admin=False)


def main() -> None:
    """Prepare everything under the lock."""
    database = os.environ["MLFLOW_BACKEND_STORE_URI"]
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        make_bucket()
        SqlAlchemyStore(database, f"s3://{BUCKET}")
        make_accounts()


if __name__ == "__main__":
    main()
