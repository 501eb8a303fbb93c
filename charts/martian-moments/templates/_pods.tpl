{{/*
What pods are given by values: those of `pod`, and those of the part itself, which come before them. Where a template
says "part", it is the root context alone, or (list $ .Values.operator.pod).
*/}}

{{/* A part's options as JSON, as PodOptions (mm_operator.core.settings) reads them. Call with (list $ own). */}}
{{- define "mars.podOptions" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 | default dict -}}
{{- $options := dict -}}
{{- range $key, $shared := omit $root.Values.pod "setUser" -}}
{{- $value := $shared -}}
{{- if hasKey $own $key -}}
{{- $value = get $own $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $shared) -}}
{{- $value = include "mars.joined" (list $shared $value) | fromJson -}}
{{- end -}}
{{- end -}}
{{- $_ := set $options $key $value -}}
{{- end -}}
{{- $user := ternary (int $options.runAsUser) nil (or $root.Values.pod.setUser (hasKey $own "runAsUser")) -}}
{{- $labels := include "mars.joined" (list $root.Values.commonLabels $options.labels) | fromJson -}}
{{- $_ := set $options "runAsUser" $user -}}
{{- $_ := set $options "labels" (include "mars.joined" (list $labels (include "mars.releaseLabels" $root | fromYaml)) | fromJson) -}}
{{ toJson $options }}
{{- end }}

{{/* Two maps as one, as JSON: the second one's entries, whatever they hold, come before the first one's. */}}
{{- define "mars.joined" -}}
{{- $joined := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}
{{- $_ := set $joined $key $value -}}
{{- end -}}
{{- end -}}
{{ toJson $joined }}
{{- end }}

{{- define "mars.partOptions" -}}
{{- if kindIs "slice" . }}{{ include "mars.podOptions" . }}{{ else }}{{ include "mars.podOptions" (list . dict) }}{{ end -}}
{{- end }}

{{/* Labels of a component's pods. Call with (list $ "operator") or (list $ "operator" .Values.operator.pod). */}}
{{- define "mars.podLabels" -}}
{{- $own := dict -}}
{{- if gt (len .) 2 }}{{ $own = index . 2 }}{{ end -}}
{{- $options := include "mars.podOptions" (list (index . 0) $own) | fromJson -}}
{{- $component := dict "app.kubernetes.io/component" (index . 1) -}}
{{ include "mars.joined" (list $options.labels $component) | fromJson | toYaml }}
{{- end }}

{{/* Annotations of a part's pods, as a map in YAML. */}}
{{- define "mars.podAnnotations" -}}
{{- $options := include "mars.partOptions" . | fromJson -}}
{{- with $options.annotations }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* First lines of a part's pod spec: Pod Security "restricted", no service variables, where it may run. */}}
{{- define "mars.podSpec" -}}
{{- $root := . -}}
{{- if kindIs "slice" . }}{{ $root = index . 0 }}{{ end -}}
{{- $options := include "mars.partOptions" . | fromJson -}}
{{- $security := dict "runAsNonRoot" true "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- with $options.runAsUser -}}
{{- range $field := list "runAsUser" "runAsGroup" "fsGroup" }}{{ $_ := set $security $field (int $options.runAsUser) }}{{ end -}}
{{- end -}}
enableServiceLinks: false
securityContext:
  {{- include "mars.joined" (list $security $options.securityContext) | fromJson | toYaml | nindent 2 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with get $options $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $options.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{/* securityContext of a part's containers. */}}
{{- define "mars.containerSecurity" -}}
{{- $options := include "mars.partOptions" . | fromJson -}}
{{- $least := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{ include "mars.joined" (list $least $options.containerSecurityContext) | fromJson | toYaml }}
{{- end }}

{{/* First lines of a part's container that runs the app image. */}}
{{- define "mars.appContainer" -}}
{{- $root := . -}}
{{- if kindIs "slice" . }}{{ $root = index . 0 }}{{ end -}}
image: {{ include "mars.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  {{- include "mars.containerSecurity" . | nindent 2 }}
{{- end }}

{{/* More variables, ConfigMaps and Secrets of variables, mounts and volumes of a part: list items, or nothing. */}}
{{- define "mars.extraEnv" -}}
{{- with (include "mars.partOptions" . | fromJson).extraEnv }}{{ toYaml . }}{{ end -}}
{{- end }}
{{- define "mars.extraEnvFrom" -}}
{{- with (include "mars.partOptions" . | fromJson).extraEnvFrom }}{{ toYaml . }}{{ end -}}
{{- end }}
{{- define "mars.extraMounts" -}}
{{- with (include "mars.partOptions" . | fromJson).extraVolumeMounts }}{{ toYaml . }}{{ end -}}
{{- end }}
{{- define "mars.extraVolumes" -}}
{{- with (include "mars.partOptions" . | fromJson).extraVolumes }}{{ toYaml . }}{{ end -}}
{{- end }}
