"""Messages that confluent_kafka's own producer refuses to make, made with the librdkafka that it carries."""

import ctypes
from pathlib import Path

import confluent_kafka

_TOPIC, _PARTITION, _VALUE, _MESSAGE_FLAGS, _HEADERS, _END = 1, 3, 4, 7, 10, 0
"""Names of producev's arguments: rd_kafka_vtype_t of rdkafka.h."""
_COPY = 2


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    files = sorted(folder.glob("*.so*"))
    # What it links to has to be there before it.
    for file in (one for one in files if "librdkafka" not in one.name):
        try:
            ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
    library = ctypes.CDLL(str(next(one for one in files if "librdkafka" in one.name)))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def publish_with_header(bootstrap: str, topic: str, value: bytes, name: bytes) -> None:
    """Publish one message to partition 0 with a header whose name may be any bytes."""
    library = _library()
    said = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), said, 512)
    producer = ctypes.c_void_p(library.rd_kafka_new(0, conf, said, 512))
    headers = ctypes.c_void_p(library.rd_kafka_headers_new(1))
    size = ctypes.c_ssize_t
    library.rd_kafka_header_add(headers, ctypes.c_char_p(name), size(len(name)), ctypes.c_char_p(b"1"), size(1))
    code = library.rd_kafka_producev(
        producer,
        ctypes.c_int(_TOPIC), ctypes.c_char_p(topic.encode()),
        ctypes.c_int(_PARTITION), ctypes.c_int32(0),
        ctypes.c_int(_VALUE), ctypes.c_char_p(value), ctypes.c_size_t(len(value)),
        ctypes.c_int(_MESSAGE_FLAGS), ctypes.c_int(_COPY),
        ctypes.c_int(_HEADERS), headers,
        ctypes.c_int(_END),
    )  # fmt: skip
    assert code == 0, f"librdkafka refused it with {code}"
    assert library.rd_kafka_flush(producer, 10_000) == 0
    library.rd_kafka_destroy(producer)
