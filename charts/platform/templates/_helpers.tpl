{{/* Entry of a service with the defaults under it. Call with (list $ "mitigation"). */}}
{{- define "platform.service" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- mergeOverwrite (deepCopy $root.Values.defaults) (index $root.Values.services $name) | toYaml -}}
{{- end -}}

{{- define "platform.fullname" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- printf "%s-%s" $root.Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "platform.selector" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
app.kubernetes.io/name: {{ $name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{- define "platform.labels" -}}
{{ include "platform.selector" . }}
app.kubernetes.io/part-of: platform
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
{{- end -}}

{{- define "platform.image" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- printf "%s%s:%s" $root.Values.image.prefix $name (default $root.Chart.AppVersion $root.Values.image.tag) -}}
{{- end -}}

{{/* What every container of ours may do: nothing. */}}
{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "platform.podSecurity" -}}
runAsNonRoot: true
runAsUser: 64198
runAsGroup: 64198
fsGroup: 64198
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Environment of a service: addresses, secrets by reference, its own settings. */}}
{{- define "platform.env" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $service := index . 2 -}}
- {name: Listen__Health, value: "0.0.0.0:8081"}
{{- if $service.grpc }}
- {name: Listen__Grpc, value: "0.0.0.0:8080"}
{{- end }}
{{- if $service.public }}
- {name: Listen__Public, value: "0.0.0.0:8000"}
- {name: Caller__SigningKeyFile, value: /etc/platform/caller/signing.pem}
{{- end }}
- {name: Caller__VerificationKeyFile, value: /etc/platform/caller/verification.pem}
{{- with $root.Values.telemetry.otlp }}
- {name: Telemetry__Otlp, value: {{ . | quote }}}
{{- end }}
{{- if $service.database }}
- name: ConnectionStrings__Postgres
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.postgres.existingSecret }}, key: {{ $name }}}
{{- end }}
{{- if $service.broker }}
- {name: RabbitMq__Host, value: {{ $root.Values.rabbitmq.host | quote }}}
- {name: RabbitMq__Port, value: {{ $root.Values.rabbitmq.port | quote }}}
- {name: RabbitMq__VirtualHost, value: {{ $root.Values.rabbitmq.virtualHost | quote }}}
- {name: RabbitMq__User, value: {{ $name }}}
- name: RabbitMq__Password
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.rabbitmq.existingSecret }}, key: {{ $name }}}
{{- end }}
{{- range $called := $service.calls }}
- {name: Services__{{ $called | title }}, value: "http://{{ include "platform.fullname" (list $root $called) }}:8080"}
{{- end }}
{{- range $key, $value := $service.settings }}
- {name: {{ $key }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}
