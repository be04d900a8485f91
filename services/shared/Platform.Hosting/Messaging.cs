using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using RabbitMQ.Client;

namespace Platform.Hosting;

/// <summary>The broker. Bound from the <c>RabbitMq</c> section; used by the fact bus and the telemetry bus.</summary>
public sealed class RabbitMqOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "RabbitMq";

    /// <summary>Host name or address. No default: a wrong broker is worse than none.</summary>
    [Required(ErrorMessage = "must name the broker's host.")]
    public string Host { get; init; } = "";

    /// <summary>AMQP port, 1 to 65535. Default 5672.</summary>
    [Range(1, 65535)]
    public ushort Port { get; init; } = 5672;

    /// <summary>Virtual host. Default <c>/</c>.</summary>
    [Required]
    public string VirtualHost { get; init; } = "/";

    /// <summary>User; each service has its own, with rights to its own queues.</summary>
    [Required(ErrorMessage = "must name the service's user at the broker.")]
    public string User { get; init; } = "";

    /// <summary>Password; from a file or the environment, never from a settings file in the repository.</summary>
    [Required(ErrorMessage = "must be set, from a secret.")]
    public string Password { get; init; } = "";

    /// <summary>TLS to the broker, whose certificate must name <see cref="Host"/> and be signed by an authority that the system or <c>SSL_CERT_FILE</c> names. Default false.</summary>
    public bool Tls { get; init; }

    /// <summary>Connections of the telemetry bus; MassTransit makes those of the fact bus.</summary>
    public ConnectionFactory Connections() => new()
    {
        HostName = Host,
        Port = Port,
        VirtualHost = VirtualHost,
        UserName = User,
        Password = Password,
        Ssl = new SslOption(Host, enabled: Tls),
    };
}

/// <summary>The fact bus: MassTransit over RabbitMQ, quorum queues, at least once.</summary>
public static class Messaging
{
    /// <summary>
    /// Connects to the broker and adds the consumers. <c>migrate</c> deploys the queues and bindings, so that no fact is published
    /// before every subscriber's queue exists (docs/decisions/0011).
    /// </summary>
    /// <remarks>
    /// Queue names: <c>{service}-{consumer}</c> in kebab-case. A fault of the database or the network is retried until it is over; anything
    /// else five times, then the message goes to <c>{queue}_error</c>.
    /// </remarks>
    /// <param name="builder">The application.</param>
    /// <param name="service">Name of the service; prefix of its queues.</param>
    /// <param name="consumers">Adds the consumers.</param>
    /// <param name="temporaryQueues">True for a process that only watches (the gateway): its queues die with it and are nobody's promise.</param>
    public static void AddMessaging(
        this WebApplicationBuilder builder,
        string service,
        Action<IBusRegistrationConfigurator> consumers,
        bool temporaryQueues = false)
    {
        builder.AddValidatedOptions<RabbitMqOptions>(RabbitMqOptions.Section);
        LogContext.Current = null; // it is static: a host after another in one process would log to the disposed one
        var topologyOnly = new TopologyOnly();
        builder.Services.AddOptions<MassTransitHostOptions>().Configure(host => host.WaitUntilStarted = true);
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry(); // it would tell its makers, outside (R190)
            // Who never reached the broker does not begin to serve (WaitUntilStarted). Later its absence is a lag, not a failure: decisions go on in the streams,
            // and pods that were not ready because of it would take the API and every question away as well.
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);
            bus.SetEndpointNameFormatter(new KebabCaseEndpointNameFormatter(service, includeNamespace: false));
            bus.AddConfigureEndpointsCallback((_, _, endpoint) => Harden(endpoint, temporaryQueues));
            consumers(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                var options = context.GetRequiredService<IOptions<RabbitMqOptions>>().Value;
                rabbit.Host(options.Host, options.Port, options.VirtualHost, service, host =>
                {
                    host.Username(options.User);
                    host.Password(options.Password);
                    if (options.Tls)
                    {
                        host.UseSsl(tls => (tls.ServerName, tls.Protocol) = (options.Host, System.Security.Authentication.SslProtocols.None)); // the system's choice
                    }

                    host.PublisherConfirmation = true; // the default, said because the relay moves its checkpoint on it
                });
                rabbit.DeployTopologyOnly = topologyOnly.Value;
                rabbit.ConfigureEndpoints(context);
            });
        });
        builder.AddMigrationStep("broker topology", async (services, cancellation) =>
        {
            topologyOnly.Value = true; // read when the bus is built, which is now
            var bus = services.GetRequiredService<IBusControl>();
            await bus.StartAsync(cancellation);
            await bus.StopAsync(cancellation);
        });
    }

    /// <summary>Why a consumer appends: this message, at this queue. A redelivery is the same cause.</summary>
    public static Cause Cause<T>(this ConsumeContext<T> context)
        where T : class
    {
        var queue = context.ReceiveContext.InputAddress.AbsolutePath.Split('/')[^1];
        return new Cause($"fact:{queue}:{context.MessageId:N}", CorrelationId: Activity.Current?.TraceId.ToHexString());
    }

    /// <summary>A refusal of a fact is no fault: it is logged once and the message is done.</summary>
    public static void Note<TEvent>(this Decision<TEvent> decision, ConsumeContext context, ILogger log)
        where TEvent : class
    {
        if (decision is Decision<TEvent>.Rejected(var reason))
        {
            log.FactRefused(reason.Code, reason.Detail, context.MessageId);
        }
    }

    private static void Harden(IReceiveEndpointConfigurator endpoint, bool temporary)
    {
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            if (temporary)
            {
                rabbit.AutoDelete = true;
                rabbit.QueueExpiration = TimeSpan.FromMinutes(1);
            }
            else
            {
                rabbit.SetQuorumQueue();
            }
        }

        endpoint.UseMessageRetry(retry =>
        {
            retry.Handle<NpgsqlException>(fault => fault.IsTransient);
            retry.Handle<TimeoutException>();
            retry.Interval(3600, TimeSpan.FromSeconds(1)); // an hour of outage; the queue keeps the rest
        });
        endpoint.UseMessageRetry(retry =>
        {
            retry.Ignore<NpgsqlException>(fault => fault.IsTransient);
            retry.Ignore<TimeoutException>();
            retry.Exponential(5, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(200));
        });
    }

    private sealed class TopologyOnly
    {
        public bool Value { get; set; }
    }
}
