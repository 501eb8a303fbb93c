{{/* Names, labels and the parts that every pod shares. Call with the root context unless said otherwise. */}}

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
{{- end }}

{{/* Labels that all pods of the release carry, the Jobs' too, and by which policies select them. */}}
{{- define "mars.releaseLabels" -}}
app.kubernetes.io/name: martian-moments
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: martian-moments
{{- end }}

{{/* Selector of one component's pods. Call with (list $ "operator"). */}}
{{- define "mars.selector" -}}
app.kubernetes.io/name: martian-moments
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Metadata of a component's object. Call with (list $ "operator" "name-suffix"). */}}
{{- define "mars.metadata" -}}
{{- $root := index . 0 -}}
name: {{ $root.Release.Name }}-{{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "mars.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Metadata of a component's pods. Call with (list $ "operator"). */}}
{{- define "mars.podLabels" -}}
{{- $root := index . 0 -}}
{{- include "mars.releaseLabels" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- with $root.Values.pod.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* First lines of every pod spec: Pod Security "restricted", no service variables, where it may run. */}}
{{- define "mars.podSpec" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int .Values.pod.runAsUser }}
  runAsGroup: {{ int .Values.pod.runAsUser }}
  fsGroup: {{ int .Values.pod.runAsUser }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "mars.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* First lines of a container that runs the app image. */}}
{{- define "mars.appContainer" -}}
image: {{ include "mars.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "mars.containerSecurity" . | nindent 2 }}
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
