using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Platform.Hosting.Tests;

/// <summary>What a person or a collector reads of a service's console.</summary>
public sealed class LineFormatterTests
{
    [Fact]
    public void A_line_leads_to_its_trace_and_an_exception_stays_on_it()
    {
        Assert.DoesNotContain("trace=", Line(), StringComparison.Ordinal);
        using var activity = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        var line = Line();
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn: Some\.Category\[7\] It failed System\.InvalidOperationException: first second ", line);
        Assert.EndsWith($" trace={activity.TraceId}\n", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "line")]
    [InlineData("json", "json")]
    public void The_form_is_text_unless_it_is_set(string? setting, string expected)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["Logging:Console:FormatterName"] = setting;
        LineFormatter.Add(builder.Logging);
        using var services = builder.Services.BuildServiceProvider();
        Assert.Equal(expected, services.GetRequiredService<IOptions<ConsoleLoggerOptions>>().Value.FormatterName);
        Assert.Contains(services.GetServices<ConsoleFormatter>(), formatter => formatter is LineFormatter);
    }

    private static string Line()
    {
        using var text = new StringWriter();
        new LineFormatter().Write(
            new LogEntry<string>(LogLevel.Warning, "Some.Category", 7, "It failed", new InvalidOperationException("first\nsecond"), (state, _) => state), null, text);
        return text.ToString();
    }
}
