using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Platform.Hosting;

/// <summary>The service's clock. Bound from the <c>Clock</c> section.</summary>
public sealed class ClockOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "Clock";

    /// <summary>
    /// File with a TimeSpan (<c>31.00:00:00</c>) that the clock is ahead of the machine's, read at each question, so that a test of whole
    /// processes can let months pass. Refused outside the environment <c>Testing</c>: a clock that can be moved is no evidence. Default: unset.
    /// </summary>
    public string? OffsetFile { get; init; }
}

internal static class ClockSetup
{
    public static void AddClock(this WebApplicationBuilder builder)
    {
        var environment = builder.Environment.EnvironmentName;
        var testing = builder.Environment.IsEnvironment("Testing");
        var options = builder.AddValidatedOptions<ClockOptions>(ClockOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<ClockOptions>>(new ValidateOptions<ClockOptions>(
            null,
            clock => clock.OffsetFile is null || testing,
            $"Clock:OffsetFile = {options.OffsetFile}: only allowed in the environment Testing, this is {environment}. Remove the setting."));
        builder.Services.TryAddSingleton(options.OffsetFile is { } file ? new MovedTimeProvider(file) : TimeProvider.System); // a test's own comes first
    }

    /// <summary>A missing file means no offset. Timers run at the machine's pace.</summary>
    private sealed class MovedTimeProvider(string file) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() =>
            base.GetUtcNow() + (File.Exists(file) ? TimeSpan.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture) : TimeSpan.Zero);
    }
}
