"""The Helm chart: what it renders is valid Kubernetes, hardened, and says what its values say."""

import json
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from imgfn.config.environment import is_secret
from imgfn.config.settings import Settings
from tests.deploy.tools import find_helm
from tests.servers import ROOT

CHART = ROOT / "deploy" / "helm" / "imgfn"
KUBERNETES = "1.34"
EVERYTHING = (
    "flows.enabled=true",
    "canary.enabled=true",
    "canary.tag=9.9.9",
    "gateway.enabled=true",
    "ingress.enabled=true",
    "ingress.tlsSecret=cert",
    "metrics.serviceMonitor.enabled=true",
    "metrics.prometheusRule.enabled=true",
    "autoscaling.queueDepth=2",
    "styles.thumb=resize/w_200",
    "priorityClassName=web",
)
# Custom resources, of which Kubernetes itself knows no schema.
CUSTOM = {"HTTPRoute", "ServiceMonitor", "PrometheusRule", "ScaledObject"}
pytestmark = pytest.mark.real


def helm(*words: str, fails: bool = False) -> str:
    done = subprocess.run([find_helm(), *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr if fails else done.stdout


def render(*values: str, release: str = "imgfn") -> list[dict[str, Any]]:
    sets = [word for value in values for word in ("--set", value)]
    text = helm("template", release, str(CHART), "--namespace", "pictures", "--kube-version", KUBERNETES, *sets)
    return [document for document in yaml.safe_load_all(text) if document]


def one(documents: list[dict], kind: str, name: str = "imgfn") -> dict[str, Any]:
    found = [document for document in documents if (document["kind"], document["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, [(document["kind"], document["metadata"]["name"]) for document in documents]
    return found[0]


def test_it_passes_the_strict_linter():
    helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize("values", [(), EVERYTHING, ("autoscaling.enabled=false",), ("flows.enabled=true",)])
def test_kubernetes_would_take_all_of_it(values: tuple[str, ...]):
    documents = render(*values)
    for document in documents:
        if document["kind"] not in CUSTOM:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(names) == len(set(names))


def test_the_validation_finds_a_typing_error():
    deployment = one(render(), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


def pods(documents: list[dict]) -> list[dict]:
    return [document["spec"]["template"]["spec"] for document in documents if document["kind"] == "Deployment"]


def test_every_container_of_every_pod_is_hardened():
    documents = render(*EVERYTHING)
    assert len(pods(documents)) == 3
    for pod in pods(documents):
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {"/runtime", "/tmp", "/run/secrets/imgfn"} <= mounted
    settings = one(documents, "ConfigMap")["data"]
    assert settings["IMGFN_SANDBOX"] == "require"


def test_a_rollout_takes_no_answer_away():
    spec = one(render(), "Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = spec["template"]["spec"]
    server = pod["containers"][0]
    drain = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    # A stopping worker ends what it has begun: a render and two operations of a store.
    longest = (
        Settings.model_fields["render_seconds"].default + 2 * Settings.model_fields["store_deadline_seconds"].default
    )
    assert pod["terminationGracePeriodSeconds"] >= drain + longest + 5
    assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_every_setting_is_one_of_imgfns_and_secrets_are_files():
    documents = render(*EVERYTHING, "secret.keys={s3_access_key,upload_token,signing_keys}")
    known = {f"IMGFN_{name.upper()}" for name in Settings.model_fields}
    assert set(one(documents, "ConfigMap")["data"]) <= known, set(one(documents, "ConfigMap")["data"]) - known
    for pod in pods(documents):
        for container in pod["containers"]:
            for variable in container["env"]:
                name, is_file = variable["name"].removesuffix("_FILE"), variable["name"].endswith("_FILE")
                assert name in known
                assert is_file == is_secret(Settings.model_fields[name.removeprefix("IMGFN_").lower()])


def test_the_schema_names_every_secret_and_keeps_them_out_of_the_settings():
    schema = json.loads((CHART / "values.schema.json").read_text())
    offered = set(schema["properties"]["secret"]["properties"]["keys"]["items"]["enum"])
    assert offered == {name for name, field in Settings.model_fields.items() if is_secret(field)}
    for name in offered:
        refusal = helm("lint", str(CHART), "--set", f"settings.IMGFN_{name.upper()}=x", fails=True)
        assert f"IMGFN_{name.upper()}" in refusal


@pytest.mark.parametrize(
    "value",
    [
        "canary.weight=101",
        "image.tagg=1",
        "renderers=0",
        "settings.PORT=1",
        "image.digest=sha256:1",
        "stop.graceSeconds=5",
    ],
)
def test_a_wrong_value_is_refused(value: str):
    helm("template", "imgfn", str(CHART), "--kube-version", KUBERNETES, "--set", value, fails=True)


def test_a_canary_gets_its_weight_and_its_own_image():
    documents = render("canary.enabled=true", "canary.tag=2", "canary.weight=10", "gateway.enabled=true", "image.tag=1")
    backends = one(documents, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert [(backend["name"], backend["weight"]) for backend in backends] == [
        ("imgfn-stable", 90),
        ("imgfn-canary", 10),
    ]
    images = {
        name: one(documents, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
        for name in ("imgfn", "imgfn-canary")
    }
    assert images == {"imgfn": "registry.example/imgfn:1", "imgfn-canary": "registry.example/imgfn:2"}
    for track in ("stable", "canary"):
        service = one(documents, "Service", f"imgfn-{track}")
        deployment = one(documents, "Deployment", "imgfn" if track == "stable" else "imgfn-canary")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
    # Rolled back: nothing of the canary is left, and the stable track has all.
    after = render("gateway.enabled=true", "image.tag=1")
    assert [backend["name"] for backend in one(after, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]] == [
        "imgfn-stable"
    ]
    assert all("canary" not in document["metadata"]["name"] for document in after)


def test_scaling_by_the_queue():
    documents = render("autoscaling.queueDepth=2")
    metrics = one(documents, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]
    assert metrics[1]["pods"]["metric"]["name"] == "imgfn_queue_depth"
    assert one(documents, "Deployment")["spec"]["replicas"] == 2
    keda = render("autoscaling.keda.enabled=true")
    assert "imgfn_queue_depth" in one(keda, "ScaledObject")["spec"]["triggers"][1]["metadata"]["query"]
    assert all(document["kind"] != "HorizontalPodAutoscaler" for document in keda)


def test_metrics_are_for_prometheus_alone():
    documents = render(*EVERYTHING, "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring")
    rules = one(documents, "NetworkPolicy")["spec"]["ingress"]
    assert rules[0] == {"ports": [{"port": "http"}]}
    assert rules[1]["from"] == [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    monitor = one(documents, "ServiceMonitor")["spec"]
    service = one(documents, "Service", "imgfn-metrics")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert one(documents, "PrometheusRule")["spec"] == shipped


def test_a_worker_stands_beside_each_server_and_alone():
    documents = render("flows.enabled=true", 'flows.rules=[[derive]]\nprefix = "in/"')
    beside = one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    alone = one(documents, "Deployment", "imgfn-worker")["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in beside] == ["imgfn", "worker"]
    assert beside[1]["args"] == ["work"]
    assert alone[0]["args"] == ["work", "--metrics-port", "9100"]
    journal = [[mount["mountPath"] for mount in one_["volumeMounts"] if mount["name"] == "journal"] for one_ in beside]
    assert journal == [["/var/lib/imgfn-flows"]] * 2
    assert one(documents, "ConfigMap", "imgfn-files")["data"]["flows.toml"].strip() == '[[derive]]\nprefix = "in/"'


def test_another_release_has_names_of_its_own():
    names = {document["metadata"]["name"] for document in render(release="shop")}
    assert all(name.startswith("shop-imgfn") for name in names)


def test_the_package_has_the_alerts_in_it(tmp_path: Path):
    helm("package", str(CHART), "--destination", str(tmp_path))
    package = next(tmp_path.glob("imgfn-*.tgz"))
    listed = subprocess.run(["tar", "-tf", package], capture_output=True, text=True, check=True).stdout
    assert "imgfn/alerts.yml" in listed
