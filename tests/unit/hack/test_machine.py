"""Which way of provisioning a machine gets, and what it is told when there is none."""

from dataclasses import replace

import pytest
from mm_hack import engine, machine
from mm_hack.machine import Facts, Provision, choose
from mm_hack.run import SetupError

BARE = Facts(system="Linux", root=True, apt=True, engine=None, own_engine=False, node_image=False)
LAPTOP = Facts(system="Darwin", root=False, apt=False, engine="28.2.2", own_engine=False, node_image=True)


@pytest.mark.parametrize(
    ("facts", "provision"),
    [
        (BARE, Provision.PACKAGES),
        (replace(BARE, engine="20.10.24+dfsg1", own_engine=True), Provision.PACKAGES),
        (replace(BARE, engine="28.2.2"), Provision.PACKAGES),
        (replace(BARE, engine="28.2.2", node_image=True), Provision.REGISTRY),
        (LAPTOP, Provision.REGISTRY),
        (replace(LAPTOP, system="Linux"), Provision.REGISTRY),
    ],
)
def test_the_choice_follows_from_the_machine(facts: Facts, provision: Provision) -> None:
    chosen, why = choose("auto", facts)
    assert chosen is provision
    assert why


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (replace(LAPTOP, engine=None), "install Docker"),
        (replace(LAPTOP, node_image=False), "cannot pull images"),
        (replace(LAPTOP, engine="19.3.1"), "update Docker to 20.10.0"),
        (replace(BARE, root=False), "install Docker"),
        (replace(BARE, apt=False), "install Docker"),
    ],
)
def test_a_machine_that_can_do_neither_is_told_what_to_install(facts: Facts, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        choose("auto", facts)


def test_a_wish_is_followed_or_refused_but_never_replaced() -> None:
    with_engine = replace(BARE, engine="28.2.2", node_image=True)
    assert choose("packages", with_engine)[0] is Provision.PACKAGES
    assert choose("registry", replace(with_engine, node_image=False))[0] is Provision.REGISTRY
    with pytest.raises(SetupError, match="start Docker"):
        choose("registry", BARE)
    with pytest.raises(SetupError, match="root"):
        choose("packages", LAPTOP)


def test_missing_capabilities_are_the_zero_bits_of_the_bounding_set() -> None:
    status = "Name:\tsh\nCapPrm:\t0000000000000000\nCapBnd:\t000001fffeffffff\n"
    missing = machine.missing_capabilities(status, 40)
    assert missing == [24]
    assert engine.capability(24) == "CAP_SYS_RESOURCE"
    assert machine.missing_capabilities("CapBnd:\t000001ffffffffff\n", 40) == []
    assert machine.missing_capabilities("CapBnd:\t0000000000000000\n", 40) == list(range(41))


def test_a_text_without_a_bounding_set_is_no_process_status() -> None:
    with pytest.raises(SetupError, match="CapBnd"):
        machine.missing_capabilities("Name: sh\n", 40)


def test_capability_numbers_have_their_kernel_names() -> None:
    assert [engine.capability(n) for n in (0, 12, 21, 37, 40)] == [
        "CAP_CHOWN", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_AUDIT_READ", "CAP_CHECKPOINT_RESTORE",
    ]  # fmt: skip
    assert engine.capability(99) == "CAP_99"
