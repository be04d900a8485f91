using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.DependencyInjection;
using MassTransit;

namespace Platform.Hosting.Tests;

/// <summary>With <c>RabbitMq:Tls</c> nothing is said to the broker in clear, the password least of all.</summary>
public sealed class BrokerTlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tls").FullName;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_telemetry_bus_greets_by_TLS_and_names_its_broker()
    {
        _listener.Start();
        var options = new RabbitMqOptions { Host = "localhost", Port = Port, User = "u", Password = "p", Tls = true };
        var connecting = options.Connections().CreateConnectionAsync(Cancellation);
        Assert.Equal("localhost", await Greeted());
        await Assert.ThrowsAnyAsync<Exception>(() => connecting);
    }

    [Fact]
    public async Task The_fact_bus_greets_by_TLS_and_names_its_broker()
    {
        _listener.Start();
        await using var app = Bells.Build(_folder, "Host=127.0.0.1;Database=none;Username=none;Password=none", "localhost", Port, "/", "u", "p", ("RabbitMq:Tls", "true"));
        using var enough = new CancellationTokenSource();
        var starting = app.Services.GetRequiredService<IBusControl>().StartAsync(enough.Token);
        Assert.Equal("localhost", await Greeted());
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => starting);
    }

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ushort Port => (ushort)((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whom the client asked for in its first words; one that speaks AMQP in clear fails here.</summary>
    private async Task<string> Greeted()
    {
        using var client = await _listener.AcceptTcpClientAsync(Cancellation).AsTask().WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        await using var tls = new SslStream(client.GetStream());
        var name = "";
        await Assert.ThrowsAnyAsync<AuthenticationException>(() => tls.AuthenticateAsServerAsync(
            (_, hello, _, _) => throw new AuthenticationException(name = hello.ServerName), null, Cancellation));
        return name;
    }
}
