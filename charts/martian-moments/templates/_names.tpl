{{/* Names, labels and the parts that every pod shares. Call with the root context unless said otherwise. */}}

{{/* What names of the release's objects begin with. */}}
{{- define "mars.fullname" -}}
{{ .Values.fullnameOverride | default .Release.Name }}
{{- end }}

{{- define "mars.image" -}}
{{ include "mars.imageOf" (list . .Values.image .Chart.AppVersion) }}
{{- end }}

{{/* Reference of an image. Call with (list $ .Values.minio.embedded.image "tag where there is none"). */}}
{{- define "mars.imageOf" -}}
{{- $image := index . 1 -}}
{{- $registry := (index . 0).Values.global.imageRegistry | default $image.registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (index . 2) | replace "+" "_" }}{{ end -}}
{{- end }}

{{/* A text as a label's value: what a label cannot hold becomes "_". */}}
{{- define "mars.labelValue" -}}
{{ regexReplaceAll "[^-A-Za-z0-9_.]" . "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{/* Labels of everything of the release. */}}
{{- define "mars.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | include "mars.labelValue" }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | include "mars.labelValue" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "mars.releaseLabels" . }}
{{- range $key, $value := omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/part-of" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "app.kubernetes.io/component" "helm.sh/chart" }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Labels that all pods of the release carry, the Jobs' too, and by which policies select them. */}}
{{- define "mars.releaseLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default "martian-moments" | quote }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: martian-moments
{{- end }}

{{/* Selector of one component's pods. Call with (list $ "operator"). */}}
{{- define "mars.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Values.nameOverride | default "martian-moments" | quote }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Metadata of a component's object. Call with (list $ "operator" "name-suffix"). */}}
{{- define "mars.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "mars.fullname" $root }}-{{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "mars.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Metadata of a ServiceAccount that the chart makes. Call with (list $ "operator"). */}}
{{- define "mars.accountMetadata" -}}
{{- $root := index . 0 -}}
name: {{ include "mars.serviceAccount" . | quote }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "mars.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- with (get $root.Values.serviceAccounts (index . 1)).annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Lines of a Service's spec that say which IP families it has. */}}
{{- define "mars.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Name of a ServiceAccount. Call with (list $ "operator" | "jobs"). */}}
{{- define "mars.serviceAccount" -}}
{{- $account := get (index . 0).Values.serviceAccounts (index . 1) -}}
{{ $account.name | default (ternary (printf "%s-%s" (include "mars.fullname" (index . 0)) (index . 1)) "default" $account.create) }}
{{- end }}

{{/*
A value of a Secret that this chart makes: the one in the cluster, so that an upgrade keeps it, else a new random one.
Call with (dict "root" $ "secret" "name" "key" "KEY" "length" 32).
*/}}
{{- define "mars.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- $data := get $secret "data" | default dict -}}
{{- get $data .key | default (randAlphaNum (int .length) | b64enc) -}}
{{- end }}
