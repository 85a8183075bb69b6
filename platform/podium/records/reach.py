"""Whether a server's database and bucket can be used: asked before it starts, answered in one line."""

import importlib.util
import os
from urllib.parse import urlsplit

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

WAIT_S = 5
POSTGRES = "postgresql"


def database_url(given: str) -> URL:
    """The address of a PostgreSQL database, without a password.

    Raises:
        ValueError: it is another database's, names none, or shows a password.
    """
    example = "postgresql://mlflow@localhost:5432/mlflow"
    try:
        url = make_url(given)
    except ArgumentError:
        raise ValueError(f"database must be an address, got {given}; try {example}") from None
    if url.password is not None or "password" in url.query:
        raise ValueError(
            f"database must be without its password, which others could read, got {url.render_as_string()}; "
            "set PGPASSWORD or write it to ~/.pgpass"
        )
    if url.get_backend_name() != POSTGRES or not url.database:
        raise ValueError(f"database must be PostgreSQL's and have a name, got {given}; try {example}")
    return url


def check_packages(*, postgres: bool, s3: bool) -> None:
    """What the server needs beside MLflow is installed.

    Raises:
        ValueError: something lacks.
    """
    wanted = {"flask_wtf": True, "psycopg": postgres, "boto3": s3}
    lacking = [name for name, needed in wanted.items() if needed and not importlib.util.find_spec(name)]
    if lacking:
        raise ValueError(
            f"a tracking server needs {' and '.join(lacking)}, got none; pip install 'podium[server]'"
        )


def check_database(url: URL) -> None:
    """A PostgreSQL database answers, and new tables may be made in it.

    Raises:
        ValueError: it cannot be reached, or does not take the user.
    """
    engine = create_engine(url, connect_args={"connect_timeout": WAIT_S})
    try:
        with engine.connect() as connection:
            may = connection.execute(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar()
    except SQLAlchemyError as error:
        raise ValueError(_said(url, error)) from None
    finally:
        engine.dispose()
    if not may:
        raise ValueError(
            f"database must let its user make tables, got {url} where {url.username} may not; "
            f'ALTER DATABASE {url.database} OWNER TO "{url.username}"'
        )


def _said(url: URL, error: SQLAlchemyError) -> str:
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    if "no password supplied" in reason or "password authentication failed" in reason:
        return (
            f"database must take the user's password, got {url} which refuses it; "
            "set PGPASSWORD or write it to ~/.pgpass"
        )
    if "does not exist" in reason:
        return f"database must exist with its user, got {url}: {reason[:200]}; createdb {url.database}"
    return f"database must answer within {WAIT_S} s, got {url}: {reason[:200]}; start it or name another"


def check_bucket(artifacts: str) -> None:
    """A bucket is there and opens with the credentials of the environment.

    Raises:
        ValueError: it cannot be reached, is not there, or is closed to us.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    settings = Config(connect_timeout=WAIT_S, read_timeout=WAIT_S, retries={"total_max_attempts": 1})
    try:
        endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None
        client = boto3.client("s3", endpoint_url=endpoint, config=settings)
        client.head_bucket(Bucket=urlsplit(artifacts).netloc)
    except NoCredentialsError:
        raise ValueError(
            f"{artifacts} needs a key, got none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        reason = {"404": "which is not there; make it first", "403": "which refuses the key; set another"}
        raise ValueError(
            f"artifacts must be a bucket that opens, got {artifacts}, {reason.get(code, code)}"
        ) from None
    except BotoCoreError as error:
        raise ValueError(
            f"artifacts must be a bucket that answers, got {artifacts}: {error}; set MLFLOW_S3_ENDPOINT_URL"
        ) from None
