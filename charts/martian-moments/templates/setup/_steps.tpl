{{/*
Steps of setting up: containers that wait for their server, make what is missing, and may run again.
Small limits: each is one short Python process.
*/}}

{{- define "mars.stepResources" -}}
resources:
  requests: {cpu: 10m, memory: 64Mi}
  limits: {memory: 192Mi}
{{- end }}

{{/* Makes the topics, or awaits them where somebody else does. Call with (list $ "operator"), or "jobs", who only waits. */}}
{{- define "mars.topicsStep" -}}
{{- $root := index . 0 -}}
{{- $topics := $root.Values.kafka.topics -}}
{{- $copies := ternary 1 (int $root.Values.kafka.external.replicationFactor) (eq $root.Values.kafka.provider "embedded") -}}
{{ include "mars.appContainer" $root }}
args:
  - mars
  - setup
  - topics
  {{- if or (eq $root.Values.kafka.provider "strimzi") (not $topics.create) (eq (index . 1) "jobs") }}
  - --wait-only
  {{- else }}
  - --partitions={{ int $topics.partitions }}
  - --replication-factor={{ $copies }}
  - --retention-hours={{ int $topics.retentionHours }}
  - --dlq-retention-hours={{ int $topics.dlqRetentionHours }}
  - --max-message-bytes={{ int $topics.maxMessageBytes }}
  {{- end }}
  - --timeout=300
envFrom:
  - configMapRef: {name: {{ $root.Release.Name }}-env}
{{- with include "mars.kafkaEnv" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{ include "mars.stepResources" $root }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- include "mars.kafkaMounts" $root | nindent 2 }}
{{- end }}

{{/* Makes the bucket and its notification. */}}
{{- define "mars.bucketStep" -}}
{{ include "mars.appContainer" . }}
args:
  - mars
  - setup
  - bucket
  {{- if eq .Values.minio.provider "embedded" }}
  - --arn=arn:minio:sqs::MARS:kafka
  {{- else if .Values.minio.external.notificationArn }}
  - --arn={{ .Values.minio.external.notificationArn }}
  - --release={{ .Release.Name }}
  {{- else }}
  - --no-notification
  {{- end }}
  - --timeout=300
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-env}
env:
  {{- include "mars.minioEnv" . | trim | nindent 2 }}
{{ include "mars.stepResources" . }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Publishes a schedule. Call with (list $ "manifests" (list "--more-arguments")). */}}
{{- define "mars.scheduleStep" -}}
{{- $root := index . 0 -}}
{{ include "mars.appContainer" $root }}
args:
  - mars
  - schedule
  - --dataset={{ index . 1 }}
  {{- range index . 2 }}
  - {{ . }}
  {{- end }}
  - --timeout=300
envFrom:
  - configMapRef: {name: {{ $root.Release.Name }}-env}
{{- with include "mars.kafkaEnv" (list $root "jobs") | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{ include "mars.stepResources" $root }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- include "mars.kafkaMounts" $root | nindent 2 }}
  - {name: sources, mountPath: /etc/martian-moments/sources.json, subPath: sources.json, readOnly: true}
{{- end }}
