{{/* How processes get out of the cluster: the authorities that they trust, and the proxy that they go through. */}}

{{/* "yes" where processes trust authorities of the user's beside the system's. */}}
{{- define "mars.trust" -}}
{{- if or .Values.trustedCa.configMap .Values.trustedCa.secret -}}
{{- if and .Values.trustedCa.configMap .Values.trustedCa.secret }}
{{- fail "trustedCa: name a ConfigMap or a Secret, not both" }}
{{- end -}}
yes
{{- end -}}
{{- end }}

{{/* First words of a command of the app image, as JSON: mars-trust writes the bundle that the variables below name. */}}
{{- define "mars.launch" -}}
{{ ternary (list "mars-trust") list (eq (include "mars.trust" .) "yes") | toJson }}
{{- end }}

{{/* Variables of every process of the app image: proxy and trusted authorities, as a list. */}}
{{- define "mars.outsideEnv" -}}
{{- $proxy := .Values.proxy -}}
{{- if or $proxy.http $proxy.https }}
{{- $name := include "mars.fullname" . }}
{{- $direct := list "localhost" "127.0.0.1" "::1" "$(KUBERNETES_SERVICE_HOST)" "kubernetes.default" ".svc" ".cluster.local" }}
{{- range $part := list "operator" "simulator" "kafka" "kafka-bootstrap" "minio" "warehouse" "docs" "dashboard" }}
{{- $direct = append $direct (printf "%s-%s" $name $part) }}
{{- end }}
{{- range $variable, $value := dict "HTTP_PROXY" $proxy.http "HTTPS_PROXY" $proxy.https "NO_PROXY" (concat $direct $proxy.noProxy | join ",") }}
{{- if $value }}
- {name: {{ $variable }}, value: {{ $value | quote }}}
- {name: {{ lower $variable }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- if include "mars.trust" . }}
- {name: MARS_TRUSTED_CA, value: {{ printf "/etc/martian-moments-ca/%s" .Values.trustedCa.key | quote }}}
{{- range $variable := list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "AWS_CA_BUNDLE" }}
- {name: {{ $variable }}, value: /tmp/trusted-ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{- define "mars.outsideMounts" -}}
{{- if include "mars.trust" . }}
- {name: trusted-ca, mountPath: /etc/martian-moments-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "mars.outsideVolumes" -}}
{{- if include "mars.trust" . }}
- name: trusted-ca
  {{- if .Values.trustedCa.configMap }}
  configMap: {name: {{ .Values.trustedCa.configMap | quote }}}
  {{- else }}
  secret:
    secretName: {{ .Values.trustedCa.secret | quote }}
    items: [{key: {{ .Values.trustedCa.key | quote }}, path: {{ .Values.trustedCa.key | quote }}}]
  {{- end }}
{{- end }}
{{- end }}

{{/* Ports of the proxies, as JSON. */}}
{{- define "mars.proxyPorts" -}}
{{- $ports := list -}}
{{- range $url := list .Values.proxy.http .Values.proxy.https -}}
{{- if $url -}}
{{- $parsed := urlParse $url -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parsed.host) | default (ternary "443" "80" (eq $parsed.scheme "https")) | int) -}}
{{- end -}}
{{- end -}}
{{ uniq $ports | toJson }}
{{- end }}
