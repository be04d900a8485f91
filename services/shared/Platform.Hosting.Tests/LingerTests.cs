using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>A pod is told to stop at the same moment as its callers are told not to call it.</summary>
public sealed class LingerTests
{
    [Fact]
    public async Task What_comes_until_callers_know_is_still_answered_after_the_word_to_stop()
    {
        var clock = new ManualTimeProvider();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Configuration["Stop:Linger"] = "00:00:05";
        Linger.Add(builder);
        var address = new Uri($"http://127.0.0.1:{Loopback.FreePort()}");
        builder.WebHost.UseUrls(address.ToString());
        await using var app = builder.Build();
        app.MapGet("/", () => Results.Ok());
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = address };

        var stopping = app.StopAsync(TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromSeconds(4));
        using var answer = await http.GetAsync(address, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(stopping.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(1));
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(address, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("-00:00:01")]
    [InlineData("00:02:00")]
    public void How_long_is_bounded(string linger)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["Stop:Linger"] = linger;
        Linger.Add(builder);
        using var services = builder.Services.BuildServiceProvider();
        var refused = Assert.Throws<Microsoft.Extensions.Options.OptionsValidationException>(
            () => services.GetRequiredService<Microsoft.Extensions.Options.IOptions<StopOptions>>().Value);
        Assert.Contains(refused.Failures, failure => failure.Contains("must be from 00:00:00 to 00:01:00", StringComparison.Ordinal));
    }
}
