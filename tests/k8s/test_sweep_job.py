"""What `podium sweep cluster=kuberay` would submit, by the schemas that the manifests are checked with."""

import pytest
import yaml
from installation import K8S, OVERLAYS, Object, has_kubectl
from schemas import CRDS, wrong_by_crd, wrong_by_ours

from podium.sweep.command import sweep_command

NAME_LIMIT = 47  # KubeRay's own


@pytest.mark.skipif(not has_kubectl(), reason="no kubectl: nothing is rendered")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_job_of_every_overlay_is_valid_with_a_sweep_in_it(
    overlay: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "network=linear",
        "data=digits",
        "optimizer.lr=0.01,0.1",
        f"name={'long' * 20}",
        "cluster=kuberay",
    ]
    words += [f"cluster.manifests={K8S / 'overlays' / overlay / 'sweep'}", "cluster.max_workers=3"]
    assert sweep_command(words, dry_run=True, cancel=False) == 0
    job: Object = yaml.safe_load(capsys.readouterr().out)
    assert job["metadata"]["namespace"] == "podium"
    assert len(job["metadata"]["name"]) <= NAME_LIMIT
    assert not wrong_by_ours(job)
    assert wrong_by_ours(job | {"spec": job["spec"] | {"entrypoint": "rm -rf ."}})
    if CRDS.is_dir():
        assert not wrong_by_crd(job)
