{{/* A rule's body for what lies outside the cluster. Call with (list $ ports). */}}
{{- define "mars.externalEgress" -}}
{{- $root := index . 0 -}}
to:
  {{- include "mars.cidrs" (list $root $root.Values.networkPolicy.externalCidrs) | nindent 2 }}
ports:
  {{- range concat (index . 1) (include "mars.proxyPorts" $root | fromJsonArray) | uniq }}
  - {port: {{ int . }}}
  {{- end }}
{{- end }}

{{/* Peers of a rule: address blocks without those of networkPolicy.exceptCidrs. Call with (list $ cidrs). */}}
{{- define "mars.cidrs" -}}
{{- $root := index . 0 -}}
{{- range $cidr := index . 1 }}
{{- $except := list }}
{{- range $root.Values.networkPolicy.exceptCidrs }}
{{- /* Kubernetes takes an exception only inside its block: those that hold everything are known to hold it. */}}
{{- if or (and (eq $cidr "0.0.0.0/0") (not (contains ":" .))) (and (eq $cidr "::/0") (contains ":" .)) }}
{{- $except = append $except . }}
{{- end }}
{{- end }}
- ipBlock:
    cidr: {{ $cidr | quote }}
    {{- with $except }}
    except: {{ toJson . }}
    {{- end }}
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
