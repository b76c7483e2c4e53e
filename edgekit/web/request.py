"""Request, as the Fetch standard has it, with what a server adds: params, path, query, cookies, cf.

A Request knows no server: `asgi.py` makes a subclass that fills the lazy properties from a
connection. It can always be made again from method, url, headers, body and cf.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from edgekit import host
from edgekit.errors import HTTPError, WebTypeError
from edgekit.web.body import Body, Bytes, extract_body
from edgekit.web.cookies import parse_cookies
from edgekit.web.headers import Headers
from edgekit.web.spelling import Plain
from edgekit.web.url import URL, URLSearchParams

if TYPE_CHECKING:
    from edgekit.web.abort import AbortSignal

HeadersInit = Mapping[str, str] | Iterable[tuple[str, str]]

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}").fullmatch
_UPPERCASED = frozenset(
    [
        "ACL",
        "CHECKOUT",
        "COPY",
        "DELETE",
        "GET",
        "HEAD",
        "LOCK",
        "MERGE",
        "MKACTIVITY",
        "MKCOL",
        "MOVE",
        "NOTIFY",
        "OPTIONS",
        "PATCH",
        "POST",
        "PROPFIND",
        "PROPPATCH",
        "PURGE",
        "PUT",
        "QUERY",
        "REPORT",
        "SEARCH",
        "SUBSCRIBE",
        "TRACE",
        "UNLOCK",
        "UNSUBSCRIBE",
    ]
)


def normalise_method(method: str) -> str:
    """As on Workers, HTTP's methods in any case become upper case; others stay as they are.

    The Fetch standard does so to six of them only, and a `patch` is then refused by most servers.
    """
    if not isinstance(method, str) or not _METHOD(method):
        raise WebTypeError(f"Invalid HTTP method string: {method!r:.100}")
    upper = method.upper()
    return upper if upper in _UPPERCASED else method


class Request(Body):
    """An HTTP request.

    `Request(url, method=, headers=, body=, redirect=, cf=, signal=)`, or the same options in one
    dict, as on Workers. `url` is absolute (str or URL), or another Request, whose body passes to the
    new one; a Request in place of the dict lends all but its URL. Errors: WebTypeError for a bad URL,
    method or header, and for a body with GET or HEAD.
    """

    # Class attributes stand for what nobody has set: a request that is made for every event sets
    # only what differs, which measured cheaper than slots.
    _cf: Plain | None = None
    _client: tuple[str, int] | None = None
    _connection: Any = None  # what it came over, for asgi_call.py; nobody here looks into it
    _cookies: dict[str, str] | None = None
    _params: dict[str, Any] | None = None
    _query: URLSearchParams | None = None
    _root: str = ""  # the decoded path that the app is mounted under
    _route: Any = None  # the routing.Route that took it
    _signal: AbortSignal | None = None
    method: str
    redirect: str = "follow"

    def __init__(
        self,
        input: str | URL | Request,
        init: Mapping[str, Any] | Request | None = None,
        *,
        method: str | None = None,
        headers: HeadersInit | None = None,
        body: Any = None,
        redirect: str | None = None,
        cf: Mapping[str, Any] | None = None,
        signal: AbortSignal | None = None,
        **others: Any,
    ) -> None:
        source = input if isinstance(input, Request) else None
        origin = source  # what this request goes on with
        if isinstance(init, Request):
            origin = origin or init
            init = {name: getattr(init, name) for name in _TAKEN}
        if init is not None:
            method = method or init.get("method")
            headers = headers if headers is not None else init.get("headers")
            body = body if body is not None else init.get("body")
            redirect = redirect or init.get("redirect")
            cf = cf if cf is not None else init.get("cf")
            signal = signal if signal is not None else init.get("signal")
        if others and (unknown := set(others) - _IGNORED):
            raise TypeError(f"Request() has no option {', '.join(sorted(unknown))}")
        if source is not None:
            self._url = source.url
        else:
            url = host.parse_url(str(input))
            if url is None:
                raise WebTypeError(f"Invalid URL: {str(input)!r:.200}")
            self._url = url.href
        if method is not None:
            self.method = normalise_method(method)
        else:
            self.method = source.method if source is not None else "GET"
        self.redirect = redirect or (source.redirect if source is not None else "follow")
        if self.redirect not in ("follow", "manual", "error"):
            raise WebTypeError(f"Invalid redirect mode: {self.redirect!r}")
        if headers is not None:
            self._headers = Headers(headers)
        else:
            self._headers = Headers(source.headers) if source is not None else Headers()
        inherited = body is None and source is not None
        if self.method in ("GET", "HEAD"):
            # Over the wire a GET may have a body, and must not become an error by being passed on.
            before = origin.method if origin is not None else None
            if before != self.method and (source.body if inherited else body) is not None:  # type: ignore[union-attr]
                raise WebTypeError("Request with a GET or HEAD method cannot have a body.")
        if inherited:
            self._body: Any = source._take()  # type: ignore[union-attr]
            content_type = None
        else:
            self._body, content_type = extract_body(body)
        if content_type is not None and not self._headers.has("content-type"):
            self._headers._raw.append((b"content-type", content_type))
        self._used = False
        self._cf = Plain(cf) if cf is not None else source.cf if source else None
        self._signal = signal if signal is not None else source.signal if source else None
        self._params = dict(source.params) if source else None
        if origin is not None:
            self._came_by(origin)

    @property
    def url(self) -> str:
        """The absolute URL, normalised as the URL standard does."""
        return self._url

    @property
    def headers(self) -> Headers:
        """The headers; those of an incoming request cannot be changed."""
        return self._headers

    @property
    def path(self) -> str:
        """The URL's path, percent-decoded, without the prefix the app is mounted under."""
        return self.target()[0]

    @property
    def query(self) -> URLSearchParams:
        """The query's parameters: `[]` the first value or KeyError, `get`, `get_all`."""
        if self._query is None:
            self._query = URLSearchParams(self._split()[1])
        return self._query

    @property
    def params(self) -> dict[str, Any]:
        """What the route's pattern took from the path: str, or int for `{n:int}`."""
        params = self._params
        if params is None:
            params = self._params = {}
        return params

    @property
    def cookies(self) -> dict[str, str]:
        """The Cookie header's pairs."""
        if self._cookies is None:
            header = "; ".join(self.headers.get_all("cookie"))  # HTTP/2 may send them apart
            self._cookies = parse_cookies(header) if header else {}
        return self._cookies

    @property
    def cf(self) -> Plain | None:
        """What is known of the connection and its visitor, or None. See Workers' `request.cf`."""
        return self._cf

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the peer, or None when there is no connection."""
        return self._client

    @property
    def signal(self) -> AbortSignal:
        """Aborted when the client goes away (incoming) or when the caller says so (outgoing)."""
        if self._signal is None:
            from edgekit.web.abort import AbortController

            self._signal = AbortController().signal
        return self._signal

    async def json(self, type: Any = None) -> Any:
        """The body as JSON; checked and converted to `type` (a Struct, a dataclass, `list[int]` ...).

        Not JSON: HTTPError 400. JSON of another shape: HTTPError 422. Both tell where.
        """
        return self._decode(await self.bytes(), type)

    def clone(self) -> Request:
        """A second request of the same body; the faster reader waits at 8 MiB ahead."""
        body = self._tee()
        twin = Request.__new__(Request)
        twin._url = self.url
        twin.method = self.method
        twin.redirect = self.redirect
        twin._headers = Headers(self.headers)
        twin._body = body
        twin._used = False
        twin._cf = self.cf
        twin._signal = self.signal
        twin._params = self.params
        twin._came_by(self)
        return twin

    def _came_by(self, origin: Request) -> None:
        self._client = origin.client
        self._connection = origin._connection
        self._root = origin._root

    @property
    def raw_path(self) -> Bytes | None:
        """The percent-encoded path as bytes, if it is at hand without parsing."""
        return None

    def target(self) -> tuple[str, str | None]:
        """The path to route by: decoded, and percent-encoded where that is not the same."""
        raw = below(self._root, self._split()[0])
        return unquote(raw), raw if "%" in raw else None

    def _split(self) -> tuple[str, str]:
        """The raw path and query of the URL."""
        url = self.url
        start = url.find("/", url.find("://") + 3)
        rest = url[start:].partition("#")[0] if start >= 0 else ""
        path, _, query = rest.partition("?")
        return path, query

    def _fault(self, status: int, message: str, path: str | None) -> Exception:
        return HTTPError(status, {"error": message, **({"path": path} if path else {})})

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, url={self.url!r})"


def below(root: str, raw: str) -> str:
    """The percent-encoded path `raw` without the decoded prefix `root`, where it has that."""
    path = unquote(raw) if root else ""
    if not path.startswith(root) or path[len(root) : len(root) + 1] not in ("", "/") or not root:
        return raw
    # A root has no encoded slash: drop as many segments as it has.
    return "/" + "/".join(raw.split("/")[root.count("/") + 1 :])


# What a Request that stands in the place of the options gives.
_TAKEN = ("method", "headers", "body", "redirect", "cf", "signal")
# Options of the standard that mean nothing on a server; accepted, as Workers do.
_IGNORED = {
    "cache",
    "credentials",
    "duplex",
    "integrity",
    "keepalive",
    "mode",
    "referrer",
    "window",
}
_IGNORED |= {"referrerPolicy", "referrer_policy"}
