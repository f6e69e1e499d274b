"""Hosts that get credentials, and what a restricted run refuses."""

from __future__ import annotations

import pytest

from reconciler.app.platform_settings import read_settings
from reconciler.app.trust import bad_prefix, in_clear, is_restricted, untrusted
from reconciler.config.project import AuthSettings, Environment, Platform, ProjectSpec
from reconciler.core.problems import ManifestError

NAMED = {
    "AEP_PLATFORM_URL": "https://gateway.example.com/aep",
    "AEP_IMS_URL": "https://login.example.com",
    "RECONCILER_TRUSTED_HOSTS": "a.example.com, B.example.com,http://emulator, c.example.com:8443",
}


@pytest.mark.parametrize(
    ("url", "environ", "code"),
    [
        ("https://platform.adobe.io", {}, ""),
        ("https://platform-stage.adobe.io:443", {}, ""),
        ("https://PLATFORM.adobe.io", {}, ""),
        ("https://ims-na1.adobelogin.com", {}, ""),
        ("https://platform.adobe.io.evil.com", {}, "untrusted-host"),
        ("https://platform.evil.com/.adobe.io", {}, "untrusted-host"),
        ("https://platform.evil.adobe.io", {}, "untrusted-host"),
        ("https://evilplatform.adobe.io", {}, "untrusted-host"),
        ("https://platform.adobe.io@evil.com", {}, "untrusted-host"),
        ("https://evil.com", NAMED, "untrusted-host"),
        ("https://gateway.example.com", NAMED, ""),
        ("https://login.example.com", NAMED, ""),
        ("https://a.example.com:8443", NAMED, ""),
        ("https://b.example.com", NAMED, ""),
        ("https://c.example.com:8443", NAMED, ""),
        ("https://x.a.example.com", NAMED, "untrusted-host"),
        ("http://127.0.0.1:8080", {}, ""),
        ("http://[::1]:8080", {}, ""),
        ("http://localhost", {}, ""),
        ("http://localhost.evil.com", {}, "no-tls"),
        ("http://platform.adobe.io", {}, "no-tls"),
        ("HTTP://platform.adobe.io", {}, "no-tls"),
        ("http://gateway.example.com", NAMED, "no-tls"),
        ("http://a.example.com", NAMED, "no-tls"),
        ("http://emulator:8080", NAMED, ""),
    ],
)
def test_hosts_that_get_credentials(url: str, environ: dict[str, str], code: str) -> None:
    problem = untrusted("platform.url in reconciler.yaml", url, "AEP_PLATFORM_URL", environ)
    assert (problem.code if problem else "") == code
    if code == "untrusted-host":
        assert "AEP_PLATFORM_URL" in str(problem)
    assert (in_clear("state.address", url, environ) is not None) == (code == "no-tls")


CREDENTIALS = {"AEP_CLIENT_ID": "id", "AEP_CLIENT_SECRET": "hush", "AEP_ORG_ID": "o@AdobeOrg"}
EVIL = [
    (ProjectSpec(platform=Platform(url="https://evil.com")), Environment(), "AEP_PLATFORM_URL"),
    (ProjectSpec(), Environment(url="https://evil.com"), "AEP_PLATFORM_URL"),
    (
        ProjectSpec(platform=Platform(auth=AuthSettings.model_validate({"imsUrl": "https://evil.com"}))),
        Environment(),
        "AEP_IMS_URL",
    ),
]


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize(("project", "settings", "variable"), EVIL)
def test_a_project_file_names_no_host_for_credentials(
    project: ProjectSpec, settings: Environment, variable: str, restricted: bool
) -> None:
    environ = CREDENTIALS | ({"RECONCILER_RESTRICTED": "1"} if restricted else {})
    with pytest.raises(ManifestError, match=variable):
        read_settings(project, settings, "default", environ, lambda text: text)


@pytest.mark.parametrize(("project", "settings", "variable"), EVIL)
def test_a_restricted_run_takes_the_address_of_the_environment(
    project: ProjectSpec, settings: Environment, variable: str
) -> None:
    environ = CREDENTIALS | {"RECONCILER_RESTRICTED": "1", variable: "https://good.example.com"}
    found = read_settings(project, settings, "default", environ, lambda text: text)
    assert "https://good.example.com" in (found.url, found.ims_url)
    assert "evil" not in found.url + found.ims_url


def test_prefixes_of_secrets() -> None:
    assert bad_prefix("RECONCILER_SECRET_", {}) is None
    assert bad_prefix("RECONCILER_SECRET_CRM_", {}) is None
    for prefix in ("", "AEP_", "RECONCILER_"):
        problem = bad_prefix(prefix, {"RECONCILER_SECRET_PREFIXES": " ,"})
        assert problem is not None
        assert "RECONCILER_SECRET_PREFIXES" in problem.next
    assert bad_prefix("TEAM_X", {"RECONCILER_SECRET_PREFIXES": "TEAM_,OTHER_"}) is None


def test_restricted_is_a_switch() -> None:
    assert [is_restricted({"RECONCILER_RESTRICTED": value}) for value in ("1", "true", "x", "", "0", "false")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
