{{/* Everything in the namespace is called RELEASE-…, as what the operator publishes is. */}}
{{- define "weir.operator" -}}{{ .Release.Name }}-operator{{- end }}
{{- define "weir.proxy" -}}{{ .Release.Name }}-proxy{{- end }}

{{/* Of objects outside of the namespace, where other releases have theirs, too. No part of it has a dot. */}}
{{- define "weir.clusterName" -}}{{ .Release.Name }}.{{ .Release.Namespace }}.weir.dev{{- end }}

{{/* Who the operator is for the API server. */}}
{{- define "weir.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "weir.operator" . }}
{{- end }}

{{/* By which pods are found: [root, component]. Those of proxies are what the operator looks for by default. */}}
{{- define "weir.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Of every object: [root, component]. */}}
{{- define "weir.labels" -}}
{{- $root := index . 0 -}}
{{- $own := fromYaml (include "weir.selector" .) -}}
{{- $own = merge $own (dict
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/part-of" "weir"
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")) -}}
{{- toYaml (merge $own $root.Values.commonLabels) -}}
{{- end }}

{{/* Of pods: [root, component]. Without the chart's version, so that it alone replaces no pod. */}}
{{- define "weir.podLabels" -}}
{{- $root := index . 0 -}}
{{- $further := get $root.Values (index . 1) | default dict -}}
{{- $own := merge (fromYaml (include "weir.selector" .)) (dict "app.kubernetes.io/part-of" "weir") -}}
{{- toYaml (merge $own ($further.podLabels | default dict) $root.Values.commonLabels) -}}
{{- end }}

{{/* The image of a component: [root, component]. */}}
{{- define "weir.image" -}}
{{- $root := index . 0 -}}
{{- $image := (get $root.Values (index . 1)).image -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else }}:{{ coalesce $image.tag $root.Values.image.tag $root.Chart.AppVersion }}
{{- end }}
{{- end }}
