"""Why Jobs fail: a reason from the stable list, a sentence, and what to do."""

from dataclasses import replace

import pytest
from factories import NOW, seconds
from mm_contracts.reasons import Reason
from mm_contracts.redaction import redact_forms
from mm_contracts.terminations import Termination
from mm_operator.core.diagnose import ADVICE, diagnose_active, diagnose_failed, tail
from mm_operator.core.observe import Job, Pod, job_view, pod_view

FAILED = Job("j", "ingest", state="failed", created_at=NOW, finished_at=NOW)


def pod(**more: object) -> Pod:
    return replace(Pod("p", phase="Failed", created_at=NOW), **more)


def said(reason: str, **more: object) -> Termination:
    return Termination.model_validate({"status": "failed", "reason": reason, "message": "why", **more})


@pytest.mark.parametrize(
    ("found", "reason", "retryable"),
    [
        (pod(exit_code=137, exit_reason="OOMKilled"), Reason.OOM_KILLED, True),
        (pod(exit_code=137), Reason.CRASHED, True),
        (pod(exit_code=64), Reason.BAD_ARGUMENTS, False),
        (pod(exit_code=69), Reason.SOURCE_GONE, False),
        (pod(exit_code=74), Reason.STORAGE_ERROR, True),
        (pod(exit_code=75), Reason.SOURCE_ERROR, True),
        (pod(exit_code=2), Reason.CRASHED, True),
        (pod(exit_code=64, termination=said("Unauthorized")), Reason.UNAUTHORIZED, False),
        (pod(exit_code=75, termination=said("BadResponse")), Reason.BAD_RESPONSE, True),
        (pod(exit_code=75, termination=said("SomethingNew")), Reason.SOURCE_ERROR, True),
        (pod(reason="Evicted", message="low on memory"), Reason.EVICTED, True),
        (pod(disruption="DeletionByPodGC"), Reason.NODE_LOST, True),
        (pod(phase="Pending", waiting_reason="ErrImagePull"), Reason.IMAGE_PULL, True),
        (pod(phase="Pending", waiting_reason="CreateContainerConfigError"), Reason.CONFIG_ERROR, True),
    ],
)
def test_a_failed_job_s_pod_tells_why(found: Pod, reason: Reason, retryable: bool) -> None:
    why = diagnose_failed(replace(FAILED, pods=(found,)))
    assert (why.reason, why.retryable) == (reason, retryable)
    assert why.message
    assert why.advice


def test_without_a_pod_the_job_s_condition_tells() -> None:
    late = replace(FAILED, failed_reason="DeadlineExceeded", failed_message="Job was active longer than specified")
    assert diagnose_failed(late).reason is Reason.DEADLINE
    assert diagnose_failed(late, Reason.UNSCHEDULABLE).reason is Reason.UNSCHEDULABLE
    gone = replace(
        FAILED, failed_reason="PodFailurePolicy", failed_message="Container main failed with exit code 69 ..."
    )
    assert (diagnose_failed(gone).reason, diagnose_failed(gone).retryable) == (Reason.SOURCE_GONE, False)
    assert diagnose_failed(FAILED).reason is Reason.UNKNOWN


SIGNALLED = (pod(exit_code=143), pod(exit_code=137, exit_reason="Error"), pod(exit_code=None))


@pytest.mark.parametrize("pods", [(), *((one,) for one in SIGNALLED)])
def test_a_deadline_is_told_one_way_whether_its_pod_is_still_there_or_not(pods: tuple[Pod, ...]) -> None:
    late = replace(FAILED, failed_reason="DeadlineExceeded", failed_message="was active longer", pods=pods)
    why = diagnose_failed(late)
    assert (why.reason, why.message) == (Reason.DEADLINE, "The Job ran longer than its deadline and was ended.")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (pod(exit_code=75, termination=said("RateLimited")), Reason.RATE_LIMITED),
        (pod(exit_code=137, exit_reason="OOMKilled"), Reason.OOM_KILLED),
        (pod(disruption="DeletionByPodGC"), Reason.NODE_LOST),
        (pod(waiting_reason="ImagePullBackOff"), Reason.IMAGE_PULL),
    ],
)
def test_what_ended_a_job_before_its_deadline_did_is_told(found: Pod, reason: Reason) -> None:
    late = replace(FAILED, failed_reason="DeadlineExceeded", pods=(found,))
    assert diagnose_failed(late).reason is reason


def _job(*conditions: tuple[str, str]) -> dict[str, object]:
    said = [{"type": kind, "status": "True", "reason": why} for kind, why in conditions]
    return {"metadata": {"name": "j"}, "status": {"conditions": said}}


def test_a_deleted_pod_s_end_waits_for_the_job_s_word() -> None:
    killed = pod(exit_code=143, terminating=True)
    assert job_view(_job(), [killed]).state == "active"
    for kind in ("FailureTarget", "Failed"):
        view = job_view(_job((kind, "DeadlineExceeded")), [killed])
        assert (view.state, diagnose_failed(view).reason) == ("failed", Reason.DEADLINE)
    # Nobody deletes the pod: it ended by itself, and that is enough.
    assert job_view(_job(), [pod(exit_code=143)]).state == "failed"


def test_a_rate_limit_does_not_count_and_says_when_to_come_back() -> None:
    # The node's clock is a day behind: how long to wait is a matter of that clock alone.
    end = NOW - seconds(86_400)
    limited = pod(exit_code=75, finished_at=end, termination=said("RateLimited", retry_at="2025-12-31T13:00:00Z"))
    why = diagnose_failed(replace(FAILED, pods=(limited,)))
    assert (why.counts, why.wait_seconds) == (False, 3600)


def test_a_running_job_tells_what_holds_it_up() -> None:
    job = Job("j", "ingest", seen_at=NOW)
    assert diagnose_active(job, NOW + seconds(5)) is None
    refused = diagnose_active(job, NOW + seconds(60))
    assert refused is not None
    assert refused.reason is Reason.QUOTA
    waiting = diagnose_active(replace(job, pods=(pod(phase="Pending", unschedulable="no memory"),)), NOW)
    assert waiting is not None
    assert (waiting.reason, waiting.stuck) == (Reason.UNSCHEDULABLE, False)
    stuck = diagnose_active(replace(job, pods=(pod(phase="Pending", waiting_reason="ImagePullBackOff"),)), NOW)
    assert stuck is not None
    assert stuck.stuck
    assert diagnose_active(replace(job, pods=(pod(phase="Running"),)), NOW + seconds(900)) is None
    assert diagnose_active(replace(job, suspended=True), NOW + seconds(900)) is None


def test_every_reason_has_an_advice() -> None:
    assert {reason for reason in Reason if reason not in ADVICE} == set()


def test_secrets_are_not_told_on() -> None:
    text = (
        "GET https://x/?sol=1&api_key=ABCDEF password=hunter2 Authorization: Bearer abc.def "
        "kafka://user:pass@host 'token': 'xyz' AWS_SECRET_ACCESS_KEY=wJalr"
    )
    clean = redact_forms(text)
    for secret in ("ABCDEF", "hunter2", "abc.def", "user:pass", "xyz", "wJalr"):
        assert secret not in clean
    assert "sol=1" in clean


def test_a_log_s_tail_is_whole_lines_within_the_limit() -> None:
    log = "\n".join(f"line {n} ü" for n in range(1000))
    end = tail(log)
    assert len(end.encode()) <= 2048
    assert end.startswith("line ")
    assert end.endswith("line 999 ü")


def test_api_objects_are_read_as_they_come() -> None:
    pods = [
        pod_view(
            {
                "metadata": {"name": f"p{n}", "creationTimestamp": f"2026-01-01T12:00:0{n}Z"},
                "status": {
                    "phase": "Failed",
                    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}],
                    "containerStatuses": [
                        {
                            "name": "main",
                            "state": {
                                "terminated": {"exitCode": 75, "reason": "Error", "message": '{"status": "failed"}'}
                            },
                        }
                    ],
                },
            }
        )
        for n in range(2)
    ]
    body = {
        "metadata": {
            "name": "j",
            "labels": {
                "martian-moments.io/kind": "ingest",
                "martian-moments.io/batch": "7",
                "martian-moments.io/plan": "p",
            },
            "ownerReferences": [{"uid": "u"}],
        },
        "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
    }
    job = job_view(body, pods)
    assert (job.state, job.batch, job.attempt, job.owner_uid) == ("failed", 7, 1, "u")
    assert [p.name for p in job.pods] == ["p1", "p0"]
    assert job.termination is not None
    assert (pods[0].exit_code, pods[0].disruption) == (75, "TerminationByKubelet")
    assert pod_view({"metadata": {"name": "new"}}).phase == "Pending"
