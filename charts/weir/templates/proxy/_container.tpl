{{/* The proxy's container without its probes; that of the helm test is the same. Dict of root and hostPorts. */}}
{{- define "weir.proxyContainer" -}}
{{- $hostPorts := .hostPorts -}}
{{- with .root -}}
image: {{ include "weir.image" (list . "proxy") | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "weir.proxyFlags" . | nindent 2 }}
ports:
  {{- range .Values.entryPoints }}
  - name: {{ .name }}
    containerPort: {{ int64 .port }}
    {{- if and $hostPorts .hostPort }}
    hostPort: {{ int64 .hostPort }}
    {{- end }}
  {{- end }}
  - name: admin
    containerPort: 9000
volumeMounts:
  - name: config
    mountPath: /etc/weir
    readOnly: true
securityContext:
  {{- include "weir.containerSecurity" . | nindent 2 }}
{{- end }}
{{- end }}
