"""The operator's decisions, pure: no cluster, no Kafka, no clock, no kopf. Time comes in as an argument."""
