"""Secrets are found where they stand, and little else is taken for one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reconciler.core.leaks import MASK, Leak, added, find, is_text, redacted, values

# Put together here, so that no scanner takes this file for a leak.
TAIL = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
FORMS = {
    "GitHub token": f"ghp_{TAIL}",
    "GitLab token": f"glpat-{TAIL[:24]}",
    "AWS access key": "AKIA" + "QWERTZUIOP234567",
    "Anthropic key": f"sk-ant-api03-{TAIL}",
    "OpenAI key": f"sk-proj-{TAIL}{TAIL}",
    "Slack token": f"xoxb-2345678901-{TAIL}",
    "Stripe key": f"sk_live_{TAIL[:24]}",
    "Google API key": f"AIza{TAIL[:35]}",
    "npm token": f"npm_{TAIL}",
    "PyPI token": f"pypi-AgEIcHlwaS5vcmc{TAIL}{TAIL}",
    "Hugging Face token": f"hf_{TAIL[:34]}",
    "SendGrid key": f"SG.{TAIL[:22]}.{TAIL}{TAIL[:7]}",
    "Vault token": f"hvs.{TAIL}",
    "Telegram token": f"987654321:AA{TAIL[:33]}",
    "JSON web token": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5OTk5In0.{TAIL}",
    "Azure key": f"AccountKey={TAIL}{TAIL}{TAIL[:14]}==",
    "private key": f"{KEY}\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAA\n",
    "assigned secret": 'db_password = "kR7#vQ2!xL9$mT4@wZ"',
    "password in an address": "postgres://app:kR7vQ2xL9mT4wZ8n@db.internal/app",
}


@pytest.mark.parametrize("rule", FORMS)
def test_known_forms_are_found_by_line(rule: str) -> None:
    text = f"one\ntwo = '{FORMS[rule]}'\nthree\n"
    assert find(text) == (Leak(2, rule),)
    assert redacted(text).count(MASK) == 1
    for value in values(text):
        assert value not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_TOKEN=kR7vQ2xL9mT4wZ8nB3\n",
        "api-key: 9f8a7c6d5e4b3a2f1e0d9c8b7a6f5e4d\n",
        'clientSecret: "kR7vQ2xL9mT4wZ8nB3"',
        "{'private_key': 'kR7vQ2xL9mT4wZ8nB3'}",
        "const accessKey = `kR7vQ2xL9mT4wZ8nB3`;",
        "x" * 5000 + ' token="kR7vQ2xL9mT4wZ8nB3" ' + "y" * 5000,
    ],
)
def test_assignments_of_random_values_are_found(text: str) -> None:
    assert [leak.rule for leak in find(text)] == ["assigned secret"]


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "token = os.environ['GITHUB_TOKEN']",
        'token = get_token("user1234567890abcdefgh")',
        'TOKEN = "your-token-goes-here-12345678"',
        'api_key = "xxxxxxxxxxxxxxxxxxxx1234"',
        "secret: ${{ secrets.DEPLOY_KEY_2024_PRODUCTION }}",
        "secretKeyRef: {name: database-credentials-v2, key: password}",
        "AKIAIOSFODNN7EXAMPLE",
        '"-----BEGIN ' + 'PRIVATE KEY-----" starts such a file',
        "integrity sha512-kR7vQ2xL9mT4wZ8nB3kR7vQ2xL9mT4wZ8nB3==",
        "commit 9f8a7c6d5e4b3a2f1e0d9c8b7a6f5e4d12345678",
        "tokenizer = 'bert-base-uncased-2024-finetuned-v12'",
        "client_secret: 123e4567-e89b-42d3-a456-426614174000",
        "postgres://postgres:postgres@localhost:5432/test",
        "password_hash = '$2b$12$kR7vQ2xL9mT4wZ8nB3kR7v'",
        "keyboard = 'kR7vQ2xL9mT4wZ8nB3'",
        "auth_token_path: /var/lib/app/secrets/token-2024/current1",
    ],
)
def test_what_only_looks_a_little_like_one_is_none(text: str) -> None:
    assert find(text) == ()


def test_only_what_was_added_counts() -> None:
    old, new = f"a = '{FORMS['GitHub token']}'\n", f"b = '{FORMS['npm token']}'\n"
    assert added(old, f"# moved\n{old}") == ()
    assert added(old, old + new) == (Leak(2, "npm token"),)
    assert added("", old) == (Leak(1, "GitHub token"),)


def test_this_projects_own_code_holds_none() -> None:
    root = Path(__file__).parents[2] / "reconciler"
    found = {path: find(path.read_text()) for path in root.rglob("*.py")}
    assert {path: leaks for path, leaks in found.items() if leaks} == {}


def test_binary_files_are_not_text() -> None:
    assert is_text(b"plain\n")
    assert is_text(b"x" * 9000 + b"\0")
    assert not is_text(b"PK\x03\x04\0\0")


@pytest.mark.parametrize(
    "piece",
    ["x", "sk-", "token", "token=", "password='", "eyJ", "eyJa.", "-----BEGIN ", "Aa: ", "://a:",
     "glpat-", "n", "\\n", "secret = 'aB3dE5fG", "é", "İ", "K"],
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    text = "-----BEGIN RSA " + "PRIVATE KEY-----" + piece * (400_000 // len(piece))
    began = time.monotonic()
    find(text)
    assert time.monotonic() - began < 10
