using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Platform.Hosting.Tests;

/// <summary>A wrong setting stops the start and says which, what it was and what is allowed.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("RabbitMq:Host", "", "RabbitMq:Host = (not set): must name the broker's host.")]
    [InlineData("RabbitMq:Port", "0", "RabbitMq:Port = 0: The field Port must be between 1 and 65535.")]
    public void A_value_out_of_range_is_named_with_its_value_and_what_is_allowed(string setting, string value, string expected)
    {
        var failures = Failures<RabbitMqOptions>(RabbitMqOptions.Section, new()
        {
            ["RabbitMq:Host"] = "broker",
            ["RabbitMq:User"] = "mitigation",
            ["RabbitMq:Password"] = "secret",
            [setting] = value,
        });

        Assert.Equal([expected], failures);
    }

    [Theory]
    [InlineData("RabbitMq:Port", "amqp", "RabbitMq:Port = amqp: The field Port must be between 1 and 65535.")]
    [InlineData("RabbitMq:Port", "70000", "RabbitMq:Port = 70000: The field Port must be between 1 and 65535.")]
    public void A_value_that_cannot_be_read_is_refused_in_the_same_way(string setting, string value, string expected)
    {
        var failures = Failures<RabbitMqOptions>(RabbitMqOptions.Section, new() { [setting] = value });

        Assert.Equal([expected], failures);
    }

    [Fact]
    public void A_value_inside_a_list_that_cannot_be_read_is_not_left_out_without_a_word()
    {
        var failures = Failures<Doors>("Doors", new() { ["Doors:All:0:Width"] = "80", ["Doors:All:1:Width"] = "wide" });

        Assert.Equal(["Doors:All:1:Width = wide: must be a whole number."], failures);
    }

    [Fact]
    public void A_name_that_no_setting_has_is_refused()
    {
        Assert.Equal(["Doors: there is no setting 'Al'."], Failures<Doors>("Doors", new() { ["Doors:Al"] = "1" }));
        Assert.Equal(["Doors: there is no setting 'Widht'."], Failures<Doors>("Doors", new() { ["Doors:All:0:Widht"] = "1" }));
    }

    [Fact]
    public void A_connection_string_that_is_none_is_refused_and_not_repeated()
    {
        var failure = Assert.Single(Failures<PostgresOptions>(PostgresOptions.Section, new() { ["ConnectionStrings:Postgres"] = "Hostile" }));

        Assert.StartsWith("ConnectionStrings:Postgres = (hidden): must be a connection string", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_file_that_is_not_there_is_refused()
    {
        var failures = Failures<CallerOptions>(CallerOptions.Section, new() { ["Caller:VerificationKeyFile"] = "/nowhere.pem" });

        Assert.Equal(["Caller:VerificationKeyFile = /nowhere.pem: must name a PEM file that exists and can be read."], failures);
    }

    [Theory]
    [InlineData(null, "(not set)")]
    [InlineData("/nowhere/keys", "/nowhere/keys")]
    [InlineData("/etc/hostname", "/etc/hostname")] // is there, and holds no key
    public void A_file_without_sealing_keys_is_refused(string? file, string shown)
    {
        var failures = Failures<SealingOptions>(SealingOptions.Section, new() { ["Sealing:KeyFile"] = file });

        Assert.Equal(
            [$"Sealing:KeyFile = {shown}: must name a file that exists and holds base64 keys of 32 bytes, one per line."], failures);
    }

    [Fact]
    public void A_listener_that_is_none_is_refused_after_the_application_was_built()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["Listen:Health"] = "nonsense";
        builder.AddPlatform("test");

        var app = builder.Build(); // asks for the server, and so for its listeners; the refusal comes with MapPlatform

        Assert.Throws<OptionsValidationException>(() => app.Services.GetRequiredService<IOptions<ListenOptions>>().Value);
    }

    [Fact]
    public void A_secret_that_is_missing_is_said_to_be_missing()
    {
        var failures = Failures<RabbitMqOptions>(RabbitMqOptions.Section, new() { ["RabbitMq:Host"] = "broker", ["RabbitMq:User"] = "mitigation" });

        Assert.Equal(["RabbitMq:Password = (not set): must be set, from a secret."], failures);
    }

    [Theory]
    [InlineData("8081")]
    [InlineData("127.0.0.1")]
    [InlineData("localhost:80")]
    [InlineData("127.0.0.1:70000")]
    public void A_listener_that_is_no_address_and_port_is_refused(string value)
    {
        var failure = Assert.Single(Failures<ListenOptions>(ListenOptions.Section, new() { ["Listen:Health"] = value }));
        Assert.StartsWith($"Listen:Health = {value}: must be an IP address and a port", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void The_clock_can_be_moved_in_the_environment_Testing_only()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Configuration["Clock:OffsetFile"] = "/tmp/offset";
        builder.AddPlatform("test");
        using var services = builder.Services.BuildServiceProvider();

        var refused = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<ClockOptions>>().Value);
        Assert.Equal(
            ["Clock:OffsetFile = /tmp/offset: only allowed in the environment Testing, this is Production. Remove the setting."],
            refused.Failures);
    }

    private static string[] Failures<T>(string section, Dictionary<string, string?> settings)
        where T : class, new()
    {
        var builder = WebApplication.CreateSlimBuilder();
        Microsoft.Extensions.Configuration.MemoryConfigurationBuilderExtensions.AddInMemoryCollection(builder.Configuration, settings);
        builder.AddValidatedOptions<T>(section);
        using var services = builder.Services.BuildServiceProvider();
        return [.. Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<T>>().Value).Failures];
    }

    internal sealed class Doors
    {
        public Door[] All { get; init; } = [];
    }

    internal sealed class Door
    {
        public int Width { get; init; }
    }
}
