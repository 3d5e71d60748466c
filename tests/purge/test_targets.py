"""Each cache gets the request that its documentation names."""

import hashlib
import hmac
import json
from urllib.parse import parse_qs

import pytest

from imgfn.core.key import Key
from imgfn.purge.alibaba import sign
from imgfn.purge.change import Change, change_of_key, change_of_style, tag_of_key, tag_of_style
from imgfn.purge.targets import Target, parse_targets, tag_headers

CHANGE = Change(
    (tag_of_key("图/a b.jpg"), tag_of_style("thumb")), ("/proc/a.jpg", "/proc/a.jpg!thumb"), ("/proc/style/thumb/",)
)


def test_a_changed_picture_is_named_with_its_styles():
    change = change_of_key(Key("图/a b.jpg"), ["thumb"], "!", at_root=True)
    name = "%E5%9B%BE/a%20b.jpg"
    assert change.tags == (tag_of_key("图/a b.jpg"),)
    assert set(change.paths) == {
        f"/proc/{name}",
        f"/proc/{name}!thumb",
        f"/proc/style/thumb/{name}",
        f"/{name}",
        f"/{name}!thumb",
    }
    assert change_of_style("thumb") == Change(("s-thumb",), (), ("/proc/style/thumb/",))


def test_alibabas_own_example_of_a_signature():
    """The example of https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature."""
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    signed = sign("POST", query, headers, "YourAccessKeyId", "YourAccessKeySecret")
    assert signed == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_alibaba_forgets_paths_with_every_query_and_styles_by_pattern():
    first, second = Target("alibaba", "img.example.com", "id:secret").requests(CHANGE, "")
    assert parse_qs(first.body.decode()) == {
        "ObjectPath": ["https://img.example.com/proc/a.jpg\nhttps://img.example.com/proc/a.jpg!thumb"],
        "ObjectType": ["IgnoreParams"],
    }
    assert parse_qs(second.body.decode())["ObjectType"] == ["Regex"]
    assert first.headers["x-acs-action"] == "RefreshObjectCaches"
    assert first.headers["Authorization"].startswith("ACS3-HMAC-SHA256 Credential=id,")
    assert "secret" not in str(first.headers)


def test_cloudflare_purges_by_tag_a_hundred_at_a_time():
    many = Change(tuple(f"k-{number}" for number in range(150)))
    requests = list(Target("cloudflare", "zone1", "token").requests(many, ""))
    assert [request.url for request in requests] == ["https://api.cloudflare.com/client/v4/zones/zone1/purge_cache"] * 2
    assert [len(json.loads(request.body)["tags"]) for request in requests] == [100, 50]
    assert requests[0].headers["Authorization"] == "Bearer token"
    assert requests[0].accepted(200, b'{"success": true, "errors": []}')
    assert not requests[0].accepted(200, b'{"success": false}')
    assert not requests[0].accepted(200, b"<html>")
    assert not requests[0].accepted(429, b'{"success": true}')


def test_fastly_purges_by_surrogate_key():
    (request,) = Target("fastly", "SU1Z0isxPaozGVKXdv0eY", "token").requests(CHANGE, "")
    assert (request.method, request.url) == ("POST", "https://api.fastly.com/service/SU1Z0isxPaozGVKXdv0eY/purge")
    assert request.headers["Fastly-Key"] == "token"
    assert request.headers["Surrogate-Key"] == " ".join(CHANGE.tags)
    assert request.accepted(200, b"")
    assert not request.accepted(401, b"")


def test_a_webhook_is_signed():
    (request,) = Target("webhook", "https://hook.example/x", "secret").requests(CHANGE, "https://img.example")
    expected = hmac.new(b"secret", request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Imgfn-Signature-256"] == f"sha256={expected}"
    told = json.loads(request.body)
    assert told == {
        "origin": "https://img.example",
        "tags": list(CHANGE.tags),
        "paths": list(CHANGE.paths),
        "prefixes": list(CHANGE.prefixes),
    }


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("akamai=x", "akamai"),
        ("varnish", "http://host:port"),
        ("varnish=127.0.0.1:6081", "http://host:port"),
        ("cloudflare=zone/../x", "zone"),
        ("cloudflare=zone", "IMGFN_PURGE_TOKENS"),
        ("nginx=http://127.0.0.1:8080", "IMGFN_PURGE_TOKENS"),
        ("alibaba=img.example", "AccessKeyId:AccessKeySecret"),
        ("webhook=ftp://x", "a URL"),
    ],
)
def test_a_wrong_target_is_refused_by_name(word: str, named: str):
    with pytest.raises(ValueError, match=named):
        parse_targets([word], {})


def test_answers_carry_the_tags_that_these_caches_read():
    words = ["varnish=http://a:1", "cloudflare=z", "fastly=s", "webhook=http://b/"]
    targets = parse_targets(words, {"cloudflare": "t", "fastly": "t"})
    assert tag_headers(targets) == ("Surrogate-Key", "Cache-Tag")
    assert "'t'" not in repr(targets)
