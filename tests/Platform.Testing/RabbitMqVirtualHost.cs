using Xunit;

namespace Platform.Testing;

/// <summary>A fresh virtual host for one test class: <c>IClassFixture&lt;RabbitMqVirtualHost&gt;</c>.</summary>
public sealed class RabbitMqVirtualHost(RabbitMqServer server) : IAsyncLifetime
{
    public string Host => server.Host;

    public int Port => server.Port;

    public string Name { get; } = Secrets.Name("test");

    public string User => server.User;

    public string Password => server.Password;

    /// <summary><c>amqp://user:password@host:port/name</c>.</summary>
    public Uri Address => new($"amqp://{User}:{Password}@{Host}:{Port}/{Name}");

    public async ValueTask InitializeAsync() => await server.CreateVirtualHost(Name);

    public async ValueTask DisposeAsync() => await server.DeleteVirtualHost(Name);
}
