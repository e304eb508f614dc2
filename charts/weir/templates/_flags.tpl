{{/* Where clients come in; the same for both programs. */}}
{{- define "weir.entryPointFlags" -}}
{{- range .Values.entryPoints }}
- --entrypoint={{ .name }}=:{{ .port }}
  {{- if .tls }},tls{{ end }},public={{ .exposedPort | default .port }}
  {{- if .default }},default{{ end }}
  {{- with ((.http | default dict).redirections | default dict).entryPoint }},http.redirections.entryPoint.to={{ .to }}
    {{- with .scheme }},http.redirections.entryPoint.scheme={{ . }}{{ end }}
    {{- if eq (.permanent | toString) "false" }},http.redirections.entryPoint.permanent=false{{ end }}
  {{- end }}
  {{- include "weir.trust" (list "proxyProtocol" .proxyProtocol) }}
  {{- include "weir.trust" (list "forwardedHeaders" .forwardedHeaders) }}
{{- end }}
{{- end }}

{{/* Whose word about a client is taken. List of the option's name and its value. */}}
{{- define "weir.trust" -}}
{{- $name := first . -}}
{{- with last . }}
  {{- with .trustedIPs }},{{ $name }}.trustedIPs={{ join "," . }}{{ end }}
  {{- if .insecure }},{{ $name }}.insecure{{ end }}
{{- end }}
{{- end }}

{{- define "weir.operatorFlags" -}}
{{- $operator := .Values.operator -}}
- run
- --release={{ .Release.Name }}
{{- range .Values.watchNamespaces }}
- --namespace={{ . }}
{{- end }}
{{- include "weir.entryPointFlags" . }}
- --ingress-class={{ .Values.ingressClass }}
{{- if .Values.requireIngressClass }}
- --require-ingress-class
{{- end }}
{{- if .Values.allowCrossNamespace }}
- --allow-cross-namespace
{{- end }}
{{- if .Values.allowExternalName }}
- --allow-external-name
{{- end }}
- --max-depth={{ int64 .Values.graph.maxDepth }}
- --max-nodes={{ int64 .Values.graph.maxNodes }}
- --health-check-interval={{ .Values.healthCheck.interval }}
- --health-check-timeout={{ .Values.healthCheck.timeout }}
- --endpoint-shards={{ int64 .Values.delivery.endpointShards }}
- --secret-shards={{ int64 .Values.delivery.secretShards }}
- --admin={{ $operator.adminAddress }}:9090
- --log-level={{ $operator.log.level }}
- --log-format={{ $operator.log.format }}
{{- range $operator.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "weir.proxyFlags" -}}
{{- $proxy := .Values.proxy -}}
- --config=/etc/weir
{{- include "weir.entryPointFlags" . }}
- --admin=[::]:9000
- --drain-delay={{ int64 $proxy.drainDelaySeconds }}s
- --grace-period={{ int64 $proxy.gracePeriodSeconds }}s
{{- with $proxy.threads }}
- --threads={{ int64 . }}
{{- end }}
- --log-level={{ $proxy.log.level }}
- --log-format={{ $proxy.log.format }}
{{- with $proxy.accessLog }}
{{- if .enabled }}
- --access-log={{ .format }}
{{- if .dropQuery }}
- --access-log-drop-query
{{- end }}
{{- end }}
{{- end }}
- --metrics-buckets={{ join "," .Values.metrics.buckets }}
{{- range $name, $value := $proxy.limits }}
- --{{ kebabcase $name }}={{ if kindIs "string" $value }}{{ $value }}{{ else }}{{ int64 $value }}{{ end }}
{{- end }}
{{- range $proxy.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
