{{/* All configured sources by name, as JSON: those of the values and the simulator. */}}
{{- define "mars.sources" -}}
{{- $sources := deepCopy .Values.source.sources }}
{{- if .Values.simulator.enabled }}
{{- $base := printf "http://%s-simulator:8000" (include "mars.fullname" .) }}
{{- $simulator := dict
      "kind" "nasa-v1"
      "baseUrl" (printf "%s/mars-photos/api/v1" $base)
      "mmgisUrl" (printf "%s/mmgis-maps" $base)
      "rovers" (list "Perseverance" "Curiosity" "Opportunity" "Spirit")
      "maxConcurrency" (int .Values.simulator.maxConcurrency)
      "requestsPerHour" (ternary nil (int (default 1 .Values.simulator.requestsPerHour)) (kindIs "invalid" .Values.simulator.requestsPerHour))
      "timeoutSeconds" 30
      "apiKeySecret" (printf "%s-source" (include "mars.fullname" .))
      "apiKeySecretKey" "SOURCE_API_KEY" }}
{{- $sources = merge (dict "simulator" $simulator) $sources }}
{{- end }}
{{- if not $sources }}
{{- fail "there is no source: set simulator.enabled, or describe one in source.sources" }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{/*
Variables with the sources' API keys, as a list: each source's own, named as mm_contracts.source_kinds.key_variable does.
Optional, so that a source whose Secret is missing fails by itself, with a sentence, and takes no other with it.
*/}}
{{- define "mars.sourceEnv" -}}
{{- range $name, $source := include "mars.sources" . | fromJson }}
{{- with $source.apiKeySecret }}
- name: SOURCE_API_KEY_{{ regexReplaceAll "[^A-Za-z0-9]" $name "_" | upper }}
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $source.apiKeySecretKey | default "api-key" | quote }}, optional: true}}
{{- end }}
{{- end }}
{{- end }}
