{{/* Names, labels and the parts that every pod shares. Call with the root context unless said otherwise. */}}

{{- define "mars.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Labels of everything of the release. */}}
{{- define "mars.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
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
  runAsUser: {{ .Values.pod.runAsUser }}
  runAsGroup: {{ .Values.pod.runAsUser }}
  fsGroup: {{ .Values.pod.runAsUser }}
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
priorityClassName: {{ . }}
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
image: {{ include "mars.image" . }}
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
