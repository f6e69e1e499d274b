"""Which proxy a URL is reached through."""

from __future__ import annotations

import pytest

from reconciler.core.problems import ManifestError
from reconciler.network.proxies import Proxies

PLATFORM = "https://platform.adobe.io"
PROXY = "http://proxy.corp:3128"


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({"HTTPS_PROXY": PROXY}, PLATFORM, "proxy.corp:3128"),
        ({"https_proxy": PROXY}, PLATFORM, "proxy.corp:3128"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PLATFORM, "proxy.corp:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, PLATFORM, None),
        ({"HTTPS_PROXY": "  "}, PLATFORM, None),
        ({"HTTP_PROXY": PROXY}, PLATFORM, None),
        ({"HTTP_PROXY": PROXY}, "http://state.corp/x", "proxy.corp:3128"),
        ({"http_proxy": PROXY}, "http://state.corp/x", "proxy.corp:3128"),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "http://state.corp/x", None),
        ({"ALL_PROXY": PROXY}, PLATFORM, "proxy.corp:3128"),
        ({"all_proxy": PROXY}, "http://state.corp/x", "proxy.corp:3128"),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": PROXY}, PLATFORM, "proxy.corp:3128"),
        ({"HTTPS_PROXY": "proxy.corp:3128"}, PLATFORM, "proxy.corp:3128"),
        ({"HTTPS_PROXY": "http://proxy.corp"}, PLATFORM, "proxy.corp:80"),
        ({"HTTPS_PROXY": "https://proxy.corp/"}, PLATFORM, "proxy.corp:443"),
        ({"HTTPS_PROXY": "http://[fd00::1]:8080"}, PLATFORM, "[fd00::1]:8080"),
        ({"HTTPS_PROXY": PROXY}, "https://localhost:8443", None),
        ({"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, "http://127.0.0.1:8080/x", None),
        ({"HTTP_PROXY": PROXY}, "http://127.3.2.1", None),
        ({"HTTP_PROXY": PROXY}, "http://[::1]:8080", None),
        ({"HTTP_PROXY": PROXY}, "http://emulator.localhost:8080", None),
    ],
)
def test_the_proxy_of_a_url(environ: dict[str, str], url: str, proxy: str | None) -> None:
    chosen = Proxies(environ).choose(url)
    assert (None if chosen is None else str(chosen)) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("platform.adobe.io", PLATFORM, True),
        ("PLATFORM.adobe.IO.", PLATFORM, True),
        ("adobe.io", PLATFORM, True),
        (".adobe.io", PLATFORM, True),
        (".adobe.io", "https://adobe.io", True),
        ("*.adobe.io", PLATFORM, True),
        ("dobe.io", PLATFORM, False),
        ("adobe.io", "https://notadobe.io", False),
        ("x.platform.adobe.io", PLATFORM, False),
        ("*", PLATFORM, True),
        ("a.b, *", PLATFORM, True),
        ("platform.adobe.io:443", PLATFORM, True),
        ("platform.adobe.io:8443", PLATFORM, False),
        ("platform.adobe.io:8443", f"{PLATFORM}:8443", True),
        ("a.b,platform.adobe.io", PLATFORM, True),
        ("a.b platform.adobe.io", PLATFORM, True),
        (" , ,", PLATFORM, False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3:443", "https://10.1.2.3", True),
        ("10.1.2.3", "https://10.1.2.30", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.1/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://10.example.com", False),
        ("10.0.0.0/99", PLATFORM, False),
        ("fe80::/10", PLATFORM, False),
        ("fd00::/8", "https://[fd00::7]", True),
        ("fd00::/8", "https://[fe00::7]", False),
        ("[fd00::7]", "https://[fd00::7]", True),
        ("fd00::7", "https://[fd00::7]", True),
        ("[fd00::7]:443", "https://[fd00::7]", True),
        ("[fd00::7]:444", "https://[fd00::7]", False),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]", True),
        ("bücher.example", "https://xn--bcher-kva.example", True),
        ("localhost,fe80::/10,[::1],.svc,%%%,a..b", PLATFORM, False),
    ],
)
def test_exceptions(no_proxy: str, url: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert (Proxies({"HTTPS_PROXY": PROXY, name: no_proxy}).choose(url) is None) == direct


@pytest.mark.parametrize(
    "value",
    [
        "socks5://proxy.corp:1080", "http://", "http://proxy.corp:99999", "http://proxy.corp:x", "http://[fd00::1",
        "http://pro xy:1", "http://proxy.corp/path", "http://proxy.corp:0", "ftp://proxy.corp", "http://p?q=1",
        "http://user:p@ss:w/rd@proxy.corp:3128",
    ],
)  # fmt: skip
def test_a_bad_value_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(ManifestError) as error:
        Proxies({"HTTPS_PROXY": value}).choose(PLATFORM)
    (problem,) = error.value.problems
    assert problem.code == "bad-proxy"
    assert "HTTPS_PROXY" in problem.what
    assert "http://[USER:PASSWORD@]HOST[:PORT]" in problem.next
    assert "p@ss" not in str(problem)
    assert Proxies({"HTTPS_PROXY": value}).choose("http://state.corp") is None, (
        "a variable that is not needed is not read"
    )


def test_credentials_are_decoded_and_never_shown() -> None:
    proxy = Proxies({"HTTPS_PROXY": "http://us%40er:p%3Ass%2F@proxy.corp:3128"}).choose(PLATFORM)
    assert proxy is not None
    assert (proxy.username, proxy.password) == ("us@er", "p:ss/")
    assert "p:ss" not in f"{proxy} {proxy!r} {proxy.url}"
