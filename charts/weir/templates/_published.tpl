{{/* The names of what the operator publishes of one kind, as a JSON list: [root, kind, shards]. */}}
{{- define "weir.shards" -}}
{{- $name := printf "%s-%s" (index . 0).Release.Name (index . 1) -}}
{{- $names := list -}}
{{- if lt (int (index . 2)) 2 -}}
{{- $names = append $names $name -}}
{{- else -}}
{{- range until (int (index . 2)) }}{{ $names = append $names (printf "%s-%d" $name .) }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* All names that it may ever have: those of former numbers of shards are deleted. The schema has the same limit. */}}
{{- define "weir.allShards" -}}
{{- $root := index . 0 -}}
{{- $one := include "weir.shards" (list $root (index . 1) 1) | fromJsonArray -}}
{{- $many := include "weir.shards" (list $root (index . 1) 32) | fromJsonArray -}}
{{- toJson (concat $one $many) -}}
{{- end }}

{{/* The volume that proxies read. Everything in it is optional: a proxy starts before the operator has published. */}}
{{- define "weir.configVolume" -}}
name: config
projected:
  # 0440: readable for the group, which is the pod's fsGroup
  defaultMode: 288
  sources:
    - configMap:
        name: {{ .Release.Name }}-config
        optional: true
    {{- range include "weir.shards" (list . "endpoints" .Values.delivery.endpointShards) | fromJsonArray }}
    - configMap:
        name: {{ . }}
        optional: true
    {{- end }}
    {{- range include "weir.shards" (list . "secrets" .Values.delivery.secretShards) | fromJsonArray }}
    - secret:
        name: {{ . }}
        optional: true
    {{- end }}
{{- end }}
