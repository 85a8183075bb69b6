"""What MLflow and its transports raise, as one exception with a line for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import read_mlflow_creds
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

NOT_ALLOWED = "PERMISSION_DENIED"
FORBIDDEN = {"UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401, NOT_ALLOWED: 403}
REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}


class StoreError(Exception):
    """MLflow did not take something. ``away``: it takes nothing, so trying other runs is useless."""

    def __init__(self, message: str, *, away: bool) -> None:
        super().__init__(message)
        self.away = away


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn whatever MLflow and its transports raise into StoreError."""
    try:
        yield
    except MlflowException as error:
        message = str(error).splitlines()[0][:300]
        if error.error_code in FORBIDDEN:
            raise StoreError(_refusal(FORBIDDEN[error.error_code], message), away=True) from error
        if error.error_code in REFUSED:
            raise StoreError(message, away=False) from error
        raise StoreError(f"cannot be reached: {message}", away=True) from error
    except (RequestException, SQLAlchemyError, OSError) as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise StoreError(f"cannot be reached: {message}", away=True) from error


def _refusal(code: int, message: str) -> str:
    """What to do when a server answers that it will not: who asked, or by which name, is wrong."""
    if "Invalid Host header" in message:
        return f"refuses the name in its address ({code}); start it with that as --name"
    user = read_mlflow_creds().username
    who = f"refuses user {user} ({code})" if user else f"refuses to answer without a user ({code})"
    if code == 401:
        return f"{who}; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or ~/.mlflow/credentials"
    return f"{who}; let its administrator give MANAGE on the experiment, or set tracking.experiment"
