using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Platform.Hosting;

/// <summary>How the process ends. Bound from the <c>Stop</c> section.</summary>
public sealed class StopOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Stop";

    /// <summary>
    /// How long everything goes on after the word to stop: in a cluster, callers and routers are told at the same moment as we, and what they send
    /// until they know must still be taken. 0 seconds to 1 minute; default 0.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ErrorMessage = "must be from 00:00:00 to 00:01:00.")]
    public TimeSpan Linger { get; init; }

    /// <summary>How long the ordered end may take after that, 1 second to 10 minutes. Default 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00", ErrorMessage = "must be from 00:00:01 to 00:10:00.")]
    public TimeSpan Within { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Waits before anything is stopped. A <c>preStop</c> hook would need a shell or a sleep in the image; there is none.</summary>
internal sealed class Linger(IOptions<StopOptions> stop, TimeProvider clock) : IHostedLifecycleService
{
    public static void Add(WebApplicationBuilder builder)
    {
        var stop = builder.AddValidatedOptions<StopOptions>(StopOptions.Section);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = stop.Linger + stop.Within);
        builder.Services.AddHostedService<Linger>();
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.Delay(stop.Value.Linger, clock, cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
