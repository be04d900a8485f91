namespace Platform.Testing;

/// <summary>What the person or script that starts the tests may set.</summary>
public static class TestEnvironment
{
    /// <summary>How long tests under load keep it up: 5 s, or as many as <c>PLATFORM_TEST_LOAD_SECONDS</c> says, for example 60.</summary>
    public static TimeSpan Load { get; } =
        TimeSpan.FromSeconds(double.Parse(Read("PLATFORM_TEST_LOAD_SECONDS") ?? "5", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Whether there is time to try more than the most telling cases.</summary>
    public static bool IsLong => Load >= TimeSpan.FromMinutes(1);

    /// <summary>Npgsql connection string of a superuser; then no PostgreSQL is started.</summary>
    internal static string? Postgres => Read("PLATFORM_TEST_POSTGRES");

    /// <summary><c>amqp://user:password@host:port?management=port</c> of an administrator; then no RabbitMQ is started.</summary>
    internal static string? RabbitMq => Read("PLATFORM_TEST_RABBITMQ");

#pragma warning disable RS0030 // A test process has no options to bind; this is the one place that reads its environment.
    private static string? Read(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
#pragma warning restore RS0030
}
