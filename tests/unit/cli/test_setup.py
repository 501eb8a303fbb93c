"""What setting up would do, from what is there."""

import pytest
from mm_cli import setup
from mm_cli.setup_bucket import DEFAULT_ARN, EVENTS, RELEASE, merged, notifications
from mm_cli.setup_topics import TopicSettings, TopicWork, wanted_topics, work_to_do
from mm_contracts.topics import DLQ_ROOM, TOPICS, dead_letter_topic

SETTINGS = TopicSettings()
ALL = {topic: 3 for topic in wanted_topics()}
CONFIGS = {topic: SETTINGS.config(topic) for topic in wanted_topics()}


def test_an_empty_cluster_gets_every_topic() -> None:
    work = work_to_do(SETTINGS, {}, {})
    assert work.create == wanted_topics()
    assert len(work.create) == 6
    assert not work.grow
    assert not work.alter


def test_nothing_is_done_twice() -> None:
    assert not work_to_do(SETTINGS, ALL, CONFIGS)
    assert work_to_do(SETTINGS, ALL, CONFIGS) == TopicWork()


def test_dead_letters_are_kept_longer() -> None:
    assert int(SETTINGS.config("minio-events.dlq")["retention.ms"]) > int(
        SETTINGS.config("minio-events")["retention.ms"]
    )


def test_a_dead_letter_topic_has_room_for_the_largest_message_and_its_headers() -> None:
    limits = {topic: int(SETTINGS.config(topic)["max.message.bytes"]) for topic in wanted_topics()}
    assert limits == {
        name: size
        for topic in TOPICS
        for name, size in ((topic, 8_388_608), (dead_letter_topic(topic), 8_388_608 + DLQ_ROOM))
    }


def test_partitions_grow_and_never_shrink() -> None:
    assert work_to_do(SETTINGS, ALL | {"minio-events": 1}, CONFIGS).grow == ("minio-events",)
    assert not work_to_do(SETTINGS, ALL | {"minio-events": 12}, CONFIGS)


def test_only_differing_settings_are_altered() -> None:
    changed = CONFIGS["minio-events"] | {"retention.ms": "1", "segment.ms": "5"}
    work = work_to_do(SETTINGS, ALL, CONFIGS | {"minio-events": changed})
    assert work.alter == (("minio-events", (("retention.ms", str(SETTINGS.retention_ms)),)),)


def test_a_bucket_without_notification_gets_ours() -> None:
    assert merged({"ResponseMetadata": {}}, DEFAULT_ARN) == {"QueueConfigurations": notifications(DEFAULT_ARN)}
    prefixes = [one["Filter"]["Key"]["FilterRules"][0]["Value"] for one in notifications(DEFAULT_ARN)]
    assert sorted(prefixes) == ["coordinates/", "manifests/", "photos/"]


def test_notifications_of_others_are_kept() -> None:
    theirs = {"Id": "theirs", "QueueArn": "arn:minio:sqs::OTHER:webhook", "Events": ["s3:ObjectRemoved:*"]}
    topics = [{"TopicArn": "arn:x", "Events": ["s3:ObjectCreated:*"]}]
    after = merged({"QueueConfigurations": [theirs], "TopicConfigurations": topics}, DEFAULT_ARN)
    assert after == {"QueueConfigurations": [theirs, *notifications(DEFAULT_ARN)], "TopicConfigurations": topics}


def test_notifications_of_others_on_the_same_target_are_kept() -> None:
    theirs = {
        "Id": "theirs",
        "QueueArn": DEFAULT_ARN,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "invoices/"}]}},
    }
    after = merged({"QueueConfigurations": [theirs]}, DEFAULT_ARN)
    assert after == {"QueueConfigurations": [theirs, *notifications(DEFAULT_ARN)]}
    assert merged(after, DEFAULT_ARN) is None


def test_each_release_keeps_its_own_notifications() -> None:
    second_arn = "arn:minio:sqs::SECOND:kafka"
    both = merged({"QueueConfigurations": notifications(DEFAULT_ARN)}, second_arn, "second")
    assert both == {"QueueConfigurations": [*notifications(DEFAULT_ARN), *notifications(second_arn, "second")]}
    assert merged(both, second_arn, "second") is None
    assert merged(both, DEFAULT_ARN) is None
    # The first moves to another target: the second's stay as they are.
    moved = merged(both, "arn:minio:sqs::NEW:kafka")
    assert moved is not None
    assert moved["QueueConfigurations"] == [
        *notifications(second_arn, "second"),
        *notifications("arn:minio:sqs::NEW:kafka"),
    ]


def test_our_notifications_are_set_once() -> None:
    ours = notifications(DEFAULT_ARN)
    assert merged({"QueueConfigurations": ours}, DEFAULT_ARN) is None
    # An object store may answer with ids of its own making, in another order, and spell the rule as Amazon does.
    theirs = [
        one
        | {"Id": f"made-by-the-store-{one['Id']}"}
        | {"Filter": {"Key": {"FilterRules": [one["Filter"]["Key"]["FilterRules"][0] | {"Name": "Prefix"}]}}}
        for one in reversed(ours)
    ]
    assert merged({"QueueConfigurations": theirs}, DEFAULT_ARN) is None


def test_our_notifications_follow_their_target_events_and_prefixes() -> None:
    ours = notifications(DEFAULT_ARN)
    of_all_objects = {"Id": RELEASE, "QueueArn": DEFAULT_ARN, "Events": EVENTS}
    elsewhere = [one | {"QueueArn": "arn:minio:sqs::OLD:kafka"} for one in ours]
    narrow = [one | {"Events": ["s3:ObjectCreated:Put"]} for one in ours]
    for old in ([of_all_objects], elsewhere, narrow, ours[:2]):
        assert merged({"QueueConfigurations": old}, DEFAULT_ARN) == {"QueueConfigurations": ours}


def test_a_missing_server_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert setup.main(["topics", "--timeout", "0"]) == 1
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in capsys.readouterr().err


def test_an_object_store_that_is_away_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hidden-secret", "AWS_DEFAULT_REGION": "us-east-1",
        # Nothing listens on port 9 of a machine that has not run inetd for decades.
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert setup.main(["bucket", "--timeout", "0"]) == 1
    said = capsys.readouterr().err
    assert "did not answer" in said
    assert "hidden-secret" not in said


@pytest.mark.parametrize("wrong", ["0", "-1", "many"])
def test_numbers_are_checked(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        setup.main(["topics", f"--partitions={wrong}"])
    assert ended.value.code == 2
    assert "whole number above 0" in capsys.readouterr().err
