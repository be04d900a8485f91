using System.Text.Json;
using Microsoft.Extensions.Options;
using Platform.EventStore;
using Platform.Gateway.Access;
using Platform.Gateway.Sessions;

namespace Platform.Gateway.Incidents;

/// <summary><c>GET /incidents/events</c>: server-sent events while the session lives.</summary>
internal static class ServerSentIncidents
{
    // Shorter than the idle time-outs of usual proxies, and often enough to notice a session that ended.
    private static readonly TimeSpan LongestBeat = TimeSpan.FromSeconds(15);

    public static async Task Stream(
        HttpContext http,
        LiveIncidents live,
        SessionCheck sessions,
        IOptions<SessionsOptions> options,
        IHostApplicationLifetime host,
        TimeProvider clock)
    {
        var caller = http.SessionCaller();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, host.ApplicationStopping);
        using var subscription = live.Subscribe(Scope(TenantScope.Of(http), caller));
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers["X-Accel-Buffering"] = "no"; // a buffering proxy would make live late
        await http.Response.WriteAsync("retry: 2000\n\n", ended.Token);
        await http.Response.Body.FlushAsync(ended.Token);

        var recheck = options.Value.RecheckAfter;
        var beat = recheck > TimeSpan.FromSeconds(1) && recheck < LongestBeat ? recheck : LongestBeat;
        try
        {
            while (await sessions.Ask(caller.OperatorId, ended.Token) is { } person && person.Role == caller.Role)
            {
                await Forward(http.Response, subscription, beat, clock, ended.Token);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The page was closed, or this replica stops: the browser comes back by itself.
        }
    }

    /// <summary>Writes what comes during one beat, then a comment that keeps the connection alive.</summary>
    private static async Task Forward(
        HttpResponse response, LiveIncidents.Subscription subscription, TimeSpan beat, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var pause = new CancellationTokenSource(beat, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(pause.Token, cancellationToken);
        try
        {
            while (await subscription.Steps.WaitToReadAsync(either.Token))
            {
                while (subscription.Steps.TryRead(out var step))
                {
                    await response.WriteAsync($"event: incident\ndata: {JsonSerializer.Serialize(step, JsonSerializerOptions.Web)}\n\n", cancellationToken);
                }

                await response.Body.FlushAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (pause.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            await response.WriteAsync(":\n\n", cancellationToken);
            await response.Body.FlushAsync(cancellationToken);
        }
    }

    private static TenantId? Scope(string requested, Platform.Hosting.Caller caller) =>
        requested.Length > 0 ? TenantId.Parse(requested) : caller.IsProvider ? null : caller.Tenant;
}
