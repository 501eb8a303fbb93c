{{/* Where Kafka, the object store, the warehouse and the source are, for whoever connects to them. */}}

{{- define "mars.kafkaBootstrap" -}}
{{- if eq .Values.kafka.provider "embedded" -}}
{{ include "mars.fullname" . }}-kafka:9092
{{- else if eq .Values.kafka.provider "strimzi" -}}
{{ include "mars.fullname" . }}-kafka-bootstrap:9093
{{- else -}}
{{ required "kafka.external.bootstrapServers: give host:port of your brokers, or choose another kafka.provider" .Values.kafka.external.bootstrapServers }}
{{- end -}}
{{- end }}

{{/* Largest message of a dead-letter topic: one of its topic and what is noted on it (DLQ_ROOM in mm_contracts). */}}
{{- define "mars.deadLetterBytes" -}}
{{ add (int .Values.kafka.topics.maxMessageBytes) 65536 }}
{{- end }}

{{/* "yes" where clients prove themselves to Kafka with a user name. */}}
{{- define "mars.kafkaSasl" -}}
{{- if eq .Values.kafka.provider "strimzi" -}}yes
{{- else if and (eq .Values.kafka.provider "external") (hasPrefix "SASL" .Values.kafka.external.securityProtocol) -}}yes
{{- end -}}
{{- end }}

{{/* Secret whose certificates (*.crt) sign the brokers' certificates, or nothing. */}}
{{- define "mars.kafkaCaSecret" -}}
{{- if eq .Values.kafka.provider "strimzi" -}}{{ include "mars.fullname" . }}-cluster-ca-cert
{{- else if eq .Values.kafka.provider "external" -}}
{{- $external := .Values.kafka.external -}}
{{- if and $external.caSecret (not (hasSuffix "SSL" $external.securityProtocol)) }}
{{- fail (printf "kafka.external.caSecret: no certificate is looked at with securityProtocol %s, set that to SSL or SASL_SSL, or leave caSecret empty" $external.securityProtocol) }}
{{- end -}}
{{ $external.caSecret }}
{{- end -}}
{{- end }}

{{/*
Variables by which a client proves itself to Kafka, as a list. Call with (list $ "operator" | "jobs" | "dashboard"): Strimzi has a
user for each (its Secret has the same name), an external Kafka has one for all.
*/}}
{{- define "mars.kafkaEnv" -}}
{{- $root := index . 0 -}}
{{- if eq $root.Values.kafka.provider "strimzi" }}
- name: KAFKA_USERNAME
  value: {{ include "mars.fullname" $root }}-kafka-{{ index . 1 }}
- name: KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "mars.fullname" $root }}-kafka-{{ index . 1 }}, key: password}}
{{- else if include "mars.kafkaSasl" $root }}
{{- $secret := include "mars.kafkaUserSecret" . }}
- name: KAFKA_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ $root.Values.kafka.external.secretKeys.username | quote }}}}
- name: KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ $root.Values.kafka.external.secretKeys.password | quote }}}}
{{- end }}
{{- end }}

{{/* Secret with the password of a part's user at Kafka, or nothing. Call with (list $ "operator" | "jobs" | "minio" | "dashboard"). */}}
{{- define "mars.kafkaUserSecret" -}}
{{- $root := index . 0 -}}
{{- if eq $root.Values.kafka.provider "strimzi" -}}{{ include "mars.fullname" $root }}-kafka-{{ index . 1 }}
{{- else if include "mars.kafkaSasl" $root -}}
{{- $external := $root.Values.kafka.external -}}
{{- get $external.existingSecrets (index . 1) | default $external.existingSecret | required "kafka.external.existingSecret: name a Secret with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" }}
{{- end -}}
{{- end }}

{{/*
Checksum of what a pod that stays is told by Kafka's Secrets, as they are in the cluster: an upgrade after one was changed
makes a new pod. Nothing where nobody can look, as in helm template. Call as mars.kafkaUserSecret.
*/}}
{{- define "mars.kafkaChecksum" -}}
{{- $root := index . 0 -}}
{{- $told := list -}}
{{- range list (include "mars.kafkaUserSecret" .) (include "mars.kafkaCaSecret" $root) -}}
{{- if . -}}
{{- $told = append $told (get (lookup "v1" "Secret" $root.Release.Namespace . | default dict) "data" | default dict) -}}
{{- end -}}
{{- end -}}
{{- toJson $told | sha256sum -}}
{{- end }}

{{- define "mars.kafkaVolumes" -}}
{{- with include "mars.kafkaCaSecret" . }}
- name: kafka-ca
  secret:
    # Whole: while a CA is replaced there is a second certificate, of a name that nobody knows beforehand.
    secretName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "mars.kafkaMounts" -}}
{{- if include "mars.kafkaCaSecret" . }}
- {name: kafka-ca, mountPath: /etc/martian-moments-kafka, readOnly: true}
{{- end }}
{{- end }}

{{- define "mars.minioSecret" -}}
{{ .Values.minio.existingSecret | default (printf "%s-minio" (include "mars.fullname" .)) }}
{{- end }}

{{/* The object store's key as variables, or nothing where the pods' ServiceAccount stands for one (IRSA, workload identity). */}}
{{- define "mars.minioEnv" -}}
{{- if and (eq .Values.minio.provider "external") (eq .Values.minio.external.credentials "serviceAccount") }}
{{- if .Values.minio.existingSecret }}
{{- fail "minio.existingSecret: leave it empty where minio.external.credentials is serviceAccount, or set that to secret" }}
{{- end }}
{{- else }}
{{- if and (eq .Values.minio.provider "external") (not .Values.minio.existingSecret) }}
{{- fail (printf "minio.existingSecret: name a Secret with %s and %s for your object store, or set minio.external.credentials to serviceAccount" .Values.minio.secretKeys.accessKeyId .Values.minio.secretKeys.secretAccessKey) }}
{{- end }}
{{- include "mars.storeKeys" (list . (include "mars.minioSecret" .)) }}
{{- end }}
{{- end }}

{{/* Variables of a key of the object store. Call with (list $ "secret"). */}}
{{- define "mars.storeKeys" -}}
{{- $keys := (index . 0).Values.minio.secretKeys }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ index . 1 | quote }}, key: {{ $keys.accessKeyId | quote }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ index . 1 | quote }}, key: {{ $keys.secretAccessKey | quote }}}}
{{- end }}

{{- define "mars.s3Endpoint" -}}
{{- if eq .Values.minio.provider "embedded" -}}
http://{{ include "mars.fullname" . }}-minio:9000
{{- else -}}
{{ .Values.minio.external.endpointUrl }}
{{- end -}}
{{- end }}

{{- define "mars.warehouseSecret" -}}
{{ .Values.warehouse.existingSecret | default (printf "%s-warehouse" (include "mars.fullname" .)) }}
{{- end }}

{{/* Secret with the login of a user of the warehouse that may only read, or nothing. */}}
{{- define "mars.readerSecret" -}}
{{- with .Values.warehouse.reader.existingSecret }}{{ . }}
{{- else }}{{- if eq .Values.warehouse.provider "embedded" }}{{ include "mars.fullname" . }}-warehouse-reader{{ end }}
{{- end -}}
{{- end }}

{{/* "yes" where the warehouse's user proves itself with a key pair. */}}
{{- define "mars.keypair" -}}
{{- if and (eq .Values.warehouse.provider "snowflake") (eq .Values.warehouse.snowflake.authentication "keypair") -}}yes{{- end -}}
{{- end }}

{{- define "mars.warehouseEnv" -}}
{{- if and (eq .Values.warehouse.provider "snowflake") (not .Values.warehouse.existingSecret) }}
{{- fail "warehouse.existingSecret: name a Secret with SNOWFLAKE_USER and the password or private key of your account" }}
{{- end }}
- name: SNOWFLAKE_USER
  valueFrom: {secretKeyRef: {name: {{ include "mars.warehouseSecret" . | quote }}, key: {{ .Values.warehouse.secretKeys.user | quote }}}}
{{- if include "mars.keypair" . }}
- name: SNOWFLAKE_PRIVATE_KEY_PATH
  value: /etc/martian-moments-snowflake/key.p8
- name: SNOWFLAKE_PRIVATE_KEY_PASSPHRASE
  valueFrom: {secretKeyRef: {name: {{ include "mars.warehouseSecret" . | quote }}, key: {{ .Values.warehouse.secretKeys.passphrase | quote }}, optional: true}}
{{- else }}
- name: SNOWFLAKE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "mars.warehouseSecret" . | quote }}, key: {{ .Values.warehouse.secretKeys.password | quote }}}}
{{- end }}
{{- end }}

{{- define "mars.warehouseVolumes" -}}
{{- if include "mars.keypair" . }}
- name: snowflake-key
  secret:
    secretName: {{ include "mars.warehouseSecret" . | quote }}
    items: [{key: {{ .Values.warehouse.secretKeys.privateKey | quote }}, path: key.p8}]
{{- end }}
{{- end }}

{{- define "mars.warehouseMounts" -}}
{{- if include "mars.keypair" . }}
- {name: snowflake-key, mountPath: /etc/martian-moments-snowflake, readOnly: true}
{{- end }}
{{- end }}

{{/* Secret with the token by which visitors of the dashboard may act. */}}
{{- define "mars.dashboardSecret" -}}
{{ .Values.dashboard.actions.existingSecret | default (printf "%s-dashboard" (include "mars.fullname" .)) }}
{{- end }}

{{/*
Variables by which the dashboard proves itself to Kafka. Where a Kafka that wants names has none for it, it is told of no
Kafka, and its page of dead letters says so.
*/}}
{{- define "mars.dashboardKafkaEnv" -}}
{{- $external := .Values.kafka.external -}}
{{- if and (eq .Values.kafka.provider "external") (include "mars.kafkaSasl" .) (not (get $external.existingSecrets "dashboard")) (not $external.existingSecret) }}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: ""}
{{- else }}
{{- include "mars.kafkaEnv" (list . "dashboard") }}
{{- end }}
{{- end }}
