{{/*
Steps of setting up: containers that wait for their server, make what is missing, and may run again. Each is one short
Python process. They are the set-up Jobs' and the CronJobs'; all have the options of setup.
*/}}

{{- define "mars.stepResources" -}}
resources:
  {{- toYaml .Values.setup.resources | nindent 2 }}
{{- end }}

{{/* Makes the topics, or awaits them where somebody else does. Call with (list $ "operator"), or "jobs", who only waits. */}}
{{- define "mars.topicsStep" -}}
{{- $root := index . 0 -}}
{{- $topics := $root.Values.kafka.topics -}}
{{- $copies := ternary 1 (int $root.Values.kafka.external.replicationFactor) (eq $root.Values.kafka.provider "embedded") -}}
{{ include "mars.appContainer" (list $root $root.Values.setup.pod) }}
args:
  {{- range include "mars.launch" $root | fromJsonArray }}
  - {{ . }}
  {{- end }}
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
  - configMapRef: {name: {{ include "mars.fullname" $root }}-env}
  {{- include "mars.extraEnvFrom" (list $root $root.Values.setup.pod) | nindent 2 }}
{{- with printf "%s\n%s\n%s" (include "mars.outsideEnv" $root) (include "mars.kafkaEnv" .) (include "mars.extraEnv" (list $root $root.Values.setup.pod)) | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{ include "mars.stepResources" $root }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- include "mars.outsideMounts" $root | nindent 2 }}
  {{- include "mars.extraMounts" (list $root $root.Values.setup.pod) | nindent 2 }}
  {{- include "mars.kafkaMounts" $root | nindent 2 }}
{{- end }}

{{/* Makes the bucket and its notification. */}}
{{- define "mars.bucketStep" -}}
{{ include "mars.appContainer" (list . .Values.setup.pod) }}
args:
  {{- range include "mars.launch" . | fromJsonArray }}
  - {{ . }}
  {{- end }}
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
  - configMapRef: {name: {{ include "mars.fullname" . }}-env}
  {{- include "mars.extraEnvFrom" (list . .Values.setup.pod) | nindent 2 }}
{{- with printf "%s\n%s\n%s" (include "mars.outsideEnv" .) (include "mars.minioEnv" .) (include "mars.extraEnv" (list . .Values.setup.pod)) | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{ include "mars.stepResources" . }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- include "mars.outsideMounts" . | nindent 2 }}
  {{- include "mars.extraMounts" (list . .Values.setup.pod) | nindent 2 }}
{{- end }}

{{/* Publishes a schedule. Call with (list $ "manifests" (list "--more-arguments")). */}}
{{- define "mars.scheduleStep" -}}
{{- $root := index . 0 -}}
{{ include "mars.appContainer" (list $root $root.Values.setup.pod) }}
args:
  {{- range include "mars.launch" $root | fromJsonArray }}
  - {{ . }}
  {{- end }}
  - mars
  - schedule
  - --dataset={{ index . 1 }}
  {{- range index . 2 }}
  - {{ . }}
  {{- end }}
  - --timeout=300
envFrom:
  - configMapRef: {name: {{ include "mars.fullname" $root }}-env}
  {{- include "mars.extraEnvFrom" (list $root $root.Values.setup.pod) | nindent 2 }}
{{- with printf "%s\n%s\n%s" (include "mars.outsideEnv" $root) (include "mars.kafkaEnv" (list $root "jobs")) (include "mars.extraEnv" (list $root $root.Values.setup.pod)) | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{ include "mars.stepResources" $root }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- include "mars.outsideMounts" $root | nindent 2 }}
  {{- include "mars.extraMounts" (list $root $root.Values.setup.pod) | nindent 2 }}
  {{- include "mars.kafkaMounts" $root | nindent 2 }}
  - {name: sources, mountPath: /etc/martian-moments/sources.json, subPath: sources.json, readOnly: true}
{{- end }}
