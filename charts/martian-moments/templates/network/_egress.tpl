{{/* A rule's body for what lies outside the cluster. Call with (list $ ports). */}}
{{- define "mars.externalEgress" -}}
{{- $root := index . 0 -}}
to:
  {{- range $root.Values.networkPolicy.externalCidrs }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
ports:
  {{- range index . 1 }}
  - {port: {{ int . }}}
  {{- end }}
{{- end }}

{{/* Ports of an external Kafka's brokers, as JSON. */}}
{{- define "mars.kafkaPorts" -}}
{{- $ports := list -}}
{{- range .Values.kafka.external.brokerPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- range splitList "," .Values.kafka.external.bootstrapServers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .) | default "9092" | int) -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end }}

{{/* Port of an external object store, as JSON. */}}
{{- define "mars.minioPorts" -}}
{{- $url := .Values.minio.external.endpointUrl | default "https://s3" | urlParse -}}
{{- list (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "80" "443" (eq $url.scheme "http")) | int) | toJson -}}
{{- end }}

{{/* Ports of Snowflake, as JSON. */}}
{{- define "mars.warehousePorts" -}}
{{- toJson .Values.networkPolicy.externalPorts -}}
{{- end }}
