using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Platform.Hosting;

internal static class ClockSetup
{
    /// <summary>
    /// The system clock; in the environment <c>Testing</c>, with <c>Clock:OffsetFile</c> set, a clock that is ahead by what the file says,
    /// so that a test of whole processes can let months pass. Elsewhere the setting is refused: a clock that can be moved is no evidence.
    /// </summary>
    public static void AddClock(this WebApplicationBuilder builder)
    {
        if (builder.Configuration["Clock:OffsetFile"] is not { Length: > 0 } file)
        {
            builder.Services.TryAddSingleton(TimeProvider.System);
            return;
        }

        if (!builder.Environment.IsEnvironment("Testing"))
        {
            throw new InvalidOperationException(
                $"Clock:OffsetFile = {file}: only allowed in the environment 'Testing'; this is '{builder.Environment.EnvironmentName}'. Remove the setting.");
        }

        builder.Services.TryAddSingleton<TimeProvider>(new MovedTimeProvider(file));
    }

    /// <summary>Reads the offset (a TimeSpan such as <c>31.00:00:00</c>) at each question; a missing file means none. Timers run at real pace.</summary>
    private sealed class MovedTimeProvider(string file) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() =>
            base.GetUtcNow() + (File.Exists(file) && TimeSpan.TryParse(File.ReadAllText(file), out var offset) ? offset : TimeSpan.Zero);
    }
}
