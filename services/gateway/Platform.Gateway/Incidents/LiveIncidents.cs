using System.Collections.Concurrent;
using System.Threading.Channels;
using Platform.Contracts.Reporting.V1;
using Platform.EventStore;

namespace Platform.Gateway.Incidents;

/// <summary>Hands each new step to the open pages that may see it.</summary>
internal sealed class LiveIncidents
{
    // A page that reads slower than this is told less: it asks for the content anyway, and reloads the list when it comes back.
    private const int Backlog = 256;

    private readonly ConcurrentDictionary<object, Page> _pages = new();

    /// <summary>Steps of one tenant's incidents, or of all, from now on until disposed.</summary>
    public Subscription Subscribe(TenantId? tenant)
    {
        var steps = Channel.CreateBounded<IncidentChanged>(
            new BoundedChannelOptions(Backlog) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        var key = new object();
        _pages[key] = new Page(tenant, steps.Writer);
        return new Subscription(steps.Reader, () => _pages.TryRemove(key, out _));
    }

    public void Publish(IncidentChanged step)
    {
        var whose = TenantId.Of(step.TenantId);
        foreach (var (_, page) in _pages)
        {
            if (page.Tenant is null || page.Tenant == whose)
            {
                page.Steps.TryWrite(step);
            }
        }
    }

    /// <summary>Number of open pages.</summary>
    public int Count => _pages.Count;

    internal sealed class Subscription(ChannelReader<IncidentChanged> steps, Action end) : IDisposable
    {
        public ChannelReader<IncidentChanged> Steps => steps;

        public void Dispose() => end();
    }

    private sealed record Page(TenantId? Tenant, ChannelWriter<IncidentChanged> Steps);
}
