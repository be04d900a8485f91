using Microsoft.Extensions.Options;
using Platform.Hosting;

namespace Platform.Detection.Windows;

internal static class WindowModule
{
    public static void AddWindows(this WebApplicationBuilder builder)
    {
        builder.AddValidatedOptions<WindowOptions>(WindowOptions.Section);
        builder.Services.AddSingleton<ObjectDirectory>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ObjectDirectory>());
        builder.Services.AddSingleton<FindingRecorder>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FindingRecorder>());
        builder.Services.AddSingleton<WindowJudges>();
        builder.Services.AddHostedService<WindowConsumer>();
        builder.Services.AddHostedService<AnomalyWarden>();
        builder.AddMigrationStep("telemetry topology", async (services, cancellation) =>
        {
            var broker = services.GetRequiredService<IOptions<RabbitMqOptions>>().Value;
            await using var connection = await WindowConsumer.Connect(broker, "detection migrate", cancellation);
            await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellation);
            await WindowTopology.Deploy(channel, services.GetRequiredService<IOptions<WindowOptions>>().Value, cancellation);
        });
    }
}
