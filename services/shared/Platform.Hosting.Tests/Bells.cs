using System.Security.Cryptography;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Notifications.V1;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>A service that publishes each bell it rings and hears it back as a neighbour would.</summary>
internal static class Bells
{
    public static WebApplication Build(
        string folder, string connection, string brokerHost, int brokerPort, string virtualHost, string user, string password,
        params (string Name, string Value)[] more)
    {
        var verification = Path.Combine(folder, "caller.pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(verification, key.ExportSubjectPublicKeyInfoPem());

        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Listen:Health"] = $"127.0.0.1:{Loopback.FreePort()}",
            ["Caller:VerificationKeyFile"] = verification,
            ["ConnectionStrings:Postgres"] = connection,
            ["RabbitMq:Host"] = brokerHost,
            ["RabbitMq:Port"] = $"{brokerPort}",
            ["RabbitMq:VirtualHost"] = virtualHost,
            ["RabbitMq:User"] = user,
            ["RabbitMq:Password"] = password,
        });
        builder.Configuration.AddInMemoryCollection(more.ToDictionary(setting => setting.Name, string? (setting) => setting.Value));
        builder.AddPlatform("bells");
        builder.AddEventStore(EventCatalog.Of(typeof(BellEvent), typeof(EchoEvent)));
        builder.AddProjection<Rings>();
        builder.AddPublications<BellPublications>();
        builder.AddPublications<SecondPublications>();
        builder.AddMessaging("bells", bus => bus.AddConsumer<WhenBellRang>());
        builder.Services.AddHttpClient();
        var app = builder.Build();
        app.MapPlatform();
        return app;
    }
}

public abstract record BellEvent;

public sealed record BellRung(string Note) : BellEvent;

public abstract record EchoEvent;

public sealed record EchoHeard(string Note) : EchoEvent;

internal static class Bell
{
    public static readonly StreamType<int, BellEvent> Stream = new("bell", 0, (count, _) => count + 1);
}

internal static class Echo
{
    public static readonly StreamType<int, EchoEvent> Stream = new("echo", 0, (count, _) => count + 1);
}

internal sealed class Rings : IProjection
{
    public string Name => "rings_v1";

    public IReadOnlyList<string> Tables => ["rings"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        if (recorded.Data is BellRung)
        {
            sql.Add($"""
                insert into views.rings as ring (bell, rings) values ({recorded.StreamKey}, 1)
                on conflict (bell) do update set rings = ring.rings + 1
                """);
        }
    }
}

internal sealed class BellPublications : IPublications
{
    public const string Unfit = "unfit";
    public const string Unsent = "unsent";
    public const string Doubled = "doubled";

    public object? Publish(RecordedEvent recorded) => recorded.Data is BellRung rung
        ? rung.Note == Unfit ? throw new InvalidOperationException("There is no fact for this.")
        : rung.Note == Unsent ? (object)"no message" // the bus refuses it
        : new NoticePublished
        {
            TenantId = recorded.TenantId.ToGuid(),
            NoticeId = recorded.Id,
            ServiceCode = recorded.StreamKey,
            Kind = rung.Note,
            PublishedAt = recorded.RecordedAt,
        }
        : null;
}

/// <summary>By mistake it answers an event that another answers as well.</summary>
internal sealed class SecondPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is BellRung { Note: BellPublications.Doubled } ? new NoticePublished
    {
        TenantId = recorded.TenantId.ToGuid(),
        NoticeId = recorded.Id,
        ServiceCode = recorded.StreamKey,
        Kind = BellPublications.Doubled,
        PublishedAt = recorded.RecordedAt,
    }
    : null;
}

public sealed class WhenBellRang(StreamStore store) : IConsumer<NoticePublished>
{
    internal const string Cracked = "cracked";

    internal static System.Collections.Concurrent.ConcurrentBag<Guid> Calls { get; } = [];

    /// <summary>The release that can handle a cracked bell.</summary>
    internal static bool IsMended { get; set; }

    public async Task Consume(ConsumeContext<NoticePublished> context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Calls.Add(context.MessageId!.Value);
        if (context.Message.Kind == Cracked && !IsMended)
        {
            throw new InvalidOperationException("It is cracked.");
        }

        await store.Tenant(TenantId.Of(context.Message.TenantId)).Handle(
            Echo.Stream, context.Message.ServiceCode!, _ => new EchoHeard(context.Message.Kind), context.Cause(), context.CancellationToken);
    }
}
