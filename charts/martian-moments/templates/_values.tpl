{{/*
Puts the default where a value is null or was removed: null means the default, as everywhere in Helm. Nulls inside a
map of the user's own (a label, a limit) are entries that are not there. Every template begins with this; it changes
.Values in place, and the second time it finds nothing to do.
*/}}
{{- define "mars.defaults" -}}
{{- if not (hasKey .Values "defaulted") }}
{{- range $path, $default := .Files.Get "files/defaults.json" | fromJson }}
{{- $keys := splitList "." $path }}
{{- $node := $.Values }}
{{- range initial $keys }}
{{- if not (kindIs "map" (get $node .)) }}
{{- $_ := set $node . dict }}
{{- end }}
{{- $node = get $node . }}
{{- end }}
{{- $last := last $keys }}
{{- if not (hasKey $node $last) }}
{{- $_ := set $node $last $default }}
{{- else if kindIs "invalid" (get $node $last) }}
{{- $_ := set $node $last $default }}
{{- else if ne $path "source.sources" }}
{{- /* A source's null is a word of its own: requestsPerHour: null is no limit, left out is what the source publishes. */}}
{{- include "mars.withoutNulls" (get $node $last) }}
{{- end }}
{{- end }}
{{- $_ := set .Values "defaulted" true }}
{{- end }}
{{- end }}

{{/* Removes entries that are null from a map, and from those inside it. */}}
{{- define "mars.withoutNulls" -}}
{{- $it := . -}}
{{- if kindIs "map" $it }}
{{- range $key, $value := $it }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $it $key }}
{{- else }}
{{- include "mars.withoutNulls" $value }}
{{- end }}
{{- end }}
{{- else if kindIs "slice" $it }}
{{- range $it }}
{{- include "mars.withoutNulls" . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A number or word as text: whole numbers of values files are floats, which Go would print as 1e+06. */}}
{{- define "mars.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ printf "%.0f" . }}{{ else if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end -}}
{{- end }}
