"""What an object store's errors mean: whether they may pass, and how they are told.

Of an answer only its status is told, and its error code where that is one of a list: the rest of a store's answer may
repeat an access key, and is anybody's text where an endpoint is not the one that was meant.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from stylize.errors import BadKeyError, CannotContinueError, UsageError, one_line

# fmt: off
CODES = frozenset((
    "AccessDenied", "AccountProblem", "AllAccessDisabled", "AuthorizationHeaderMalformed", "BadDigest",
    "EntityTooLarge", "ExpiredToken", "ExpiredTokenException", "IllegalLocationConstraintException",
    "InternalError", "InvalidAccessKeyId", "InvalidArgument", "InvalidBucketName", "InvalidObjectState",
    "InvalidRequest", "InvalidSecurity", "InvalidToken", "KeyTooLongError", "MethodNotAllowed", "NoSuchBucket",
    "NoSuchKey", "NoSuchUpload", "NotImplemented", "OperationAborted", "PermanentRedirect", "QuotaExceeded",
    "RequestLimitExceeded", "RequestTimeTooSkewed", "RequestTimeout", "ServiceUnavailable", "SignatureDoesNotMatch",
    "SlowDown", "TemporaryRedirect", "TokenRefreshRequired", "TooManyRequests", "UserProjectAccountProblem",
    "UserProjectMissing",
))
# fmt: on
_STATUS = re.compile(r"Server returned non-2xx status code: (\d{3})\b")
_CODE = re.compile(r"<Code>(\w{1,80})</Code>")
_HELPER = re.compile(r"External AWS credential provider: RuntimeError: (\w{1,80})")
_PASSING = {408, 429}
_WRONG, _UNKNOWN = 400, 401
_REFUSED = {_UNKNOWN, 403}
_OF_ALL = frozenset((
    "AuthorizationHeaderMalformed", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidSecurity",
    "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired",
))  # fmt: skip
"""Codes of refusals that every other request would get, too."""
_ADVICE = {
    "AuthorizationHeaderMalformed": "check the region (AWS_REGION)",
    "ExpiredToken": "get new credentials",
    "ExpiredTokenException": "get new credentials",
    "TokenRefreshRequired": "get new credentials",
    "RequestTimeTooSkewed": "set this machine's clock",
    "InvalidObjectState": "it lies in an archive: restore it first",
    "AccessDenied": "check the credentials, and what the bucket allows them",
}


class RefusedError(PermissionError):
    """The store knows no such credentials, or they may not do this."""


class CredentialsError(RefusedError):
    """The store takes these credentials for nothing at all: the object that was asked for has no part in it."""


class NoObjectError(FileNotFoundError):
    """There is no such object in its bucket."""


class Conflict(Exception):  # noqa: N818 - it is an answer, not a fault
    """Another writer was first."""


def may_pass(error: Exception) -> bool:
    """Return whether the same request may get another answer: throttling, trouble in the store or on the way to it."""
    from obstore import exceptions

    text = _without_debug(error)
    if isinstance(error, FileNotFoundError):
        # An upload in parts that was ended, its answer lost, cannot be given up: the object is written once more.
        return "<Code>NoSuchUpload</Code>" in text
    if not isinstance(error, exceptions.GenericError):
        return False
    status = _status(text)
    return status in _PASSING or status >= 500 or (status == 0 and "HTTP error: " in text)


def is_unexplained(error: Exception) -> bool:
    """Return whether a store refused a request without saying why, as an answer to HEAD has no body."""
    text = _without_debug(error)
    return _status(text) in {_WRONG, *_REFUSED} and not _CODE.search(text)


def reason(error: Exception) -> str:
    """Return why a request failed, by the answer's status and a code from the list; nothing else of it is repeated."""
    text = _without_debug(error)
    if status := _status(text):
        code = _CODE.search(text)
        return f"status {status}, {code[1]}" if code and code[1] in CODES else f"status {status}"
    if "redirect without LOCATION" in text:
        return "the store redirects without saying where to; is the region right?"
    if "body error" in text:
        return "its answer broke off"
    if "HTTP error: " in text:
        return "the store cannot be reached, or breaks connections off"
    if helper := _HELPER.search(text):
        return f"no credentials: {helper[1]}"
    if "Got invalid" in text or "Unable to extract" in text:
        return "the answer is none of such a store; is the endpoint right?"
    return type(error).__name__


@contextlib.contextmanager
def as_file_errors(uri: str, done: str) -> Iterator[None]:
    """Turn a store's errors into those that files have, in one line that names `uri`.

    `done` says what was tried: "read", "written" or "deleted". Raises NoObjectError, FileNotFoundError of a
    bucket where the store says so, RefusedError (CredentialsError), Conflict, UsageError for a listing with a key that
    obstore cannot address, BadKeyError, and OSError for all else.
    """
    from obstore import exceptions

    name = one_line(uri)
    try:
        yield
    except FileNotFoundError as error:
        if may_pass(error):
            raise _told(name, done, error) from None
        if done != "read" or "NoSuchBucket" in reason(error):
            raise FileNotFoundError(f"no such bucket: {name}") from None
        raise NoObjectError(f"no such object: {name}") from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        if done == "read":
            raise OSError(f"{name} could not be read: it changes again and again") from None
        raise Conflict(name) from None
    except exceptions.InvalidPathError as error:
        raise UsageError(_odd_key(name, error)) from None
    except exceptions.BaseError as error:
        raise _told(name, done, error) from None
    except ValueError:  # obstore's own check of a key, should it know more than ours
        raise BadKeyError(f"{name}: no key that can be {done}") from None


@contextlib.contextmanager
def read_or_end(role: str = "") -> Iterator[None]:
    """Turn a failed read that the whole call depends on into the error that ends it.

    Raises UsageError for what is not there or is refused, which names the role, if it is told one, and
    CannotContinueError for what may pass.
    """
    called = f"{role}: " if role else ""
    try:
        yield
    except (RefusedError, FileNotFoundError, BadKeyError) as error:
        raise UsageError(f"{called}{error}") from None
    except OSError as error:
        raise CannotContinueError(f"{error}: put that right, then run the same command again") from None


@contextlib.contextmanager
def write_or_end(uri: str) -> Iterator[None]:
    """Turn a failed write to `uri` into a CannotContinueError that says what to do."""
    again = "then run the same command again: it resumes"
    try:
        yield
    except RefusedError as error:
        raise CannotContinueError(f"{error}, {again}") from error
    except FileNotFoundError:
        raise CannotContinueError(f"{one_line(uri)} cannot be written: no such bucket; make it first") from None
    except OSError as error:
        raise CannotContinueError(f"{error}: put that right, {again}") from error


def _told(name: str, done: str, error: Exception) -> OSError:
    why = reason(error)
    status, code = _status(_without_debug(error)), why.rpartition(" ")[2]
    # By its status, as a refused listing has no class of its own.
    if status in _REFUSED or (status == _WRONG and code in _OF_ALL):
        kind = CredentialsError if status == _UNKNOWN or code in _OF_ALL else RefusedError
        advice = _ADVICE.get(code, "check the credentials")
        return kind(f"{name}: the store refuses to let it be {done} ({why}): {advice}")
    if code == "NoSuchBucket":
        return FileNotFoundError(f"no such bucket: {name}")
    tried = ", although tried again" if may_pass(error) else ""
    return OSError(f"{name} could not be {done}{tried} ({why})")


def _without_debug(error: Exception) -> str:
    return str(error).partition("\n\nDebug source")[0]


def _status(text: str) -> int:
    status = _STATUS.search(text)
    return int(status[1]) if status else 0


def _odd_key(name: str, error: Exception) -> str:
    """Say which key made obstore refuse a whole listing."""
    key = re.search(r'Path "(.*?)"(?: contained|: Encountered)', str(error), re.DOTALL)
    which = f" {one_line(key[1])}" if key else ""
    why = "with an empty, '.' or '..' part or a control character cannot be listed"
    return f"{name}: a key{which} {why}: rename it, or list the photos in a --manifest"
