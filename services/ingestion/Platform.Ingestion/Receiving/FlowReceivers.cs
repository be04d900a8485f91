using System.Net;
using Microsoft.Extensions.Options;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Receiving;

/// <summary>Opens the sockets and runs one receiving thread on each.</summary>
internal sealed class FlowReceivers(
    IOptions<FlowsOptions> flows,
    IOptions<WindowOptions> windows,
    ExporterRegistry exporters,
    ProtectedObjects objects,
    WindowQueue queue,
    IngestionMetrics metrics,
    TimeProvider clock,
    IHostApplicationLifetime lifetime,
    ILogger<FlowReceivers> log) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _threads = [];
    private IReadOnlyList<FlowReceiver> _receivers = [];

    public Task StartAsync(CancellationToken cancellationToken)
    {
        FlowReceiver.Rehearse();
        var endpoint = IPEndPoint.Parse(flows.Value.Listen);
        var sockets = DatagramSocket.Open(endpoint, flows.Value.ReceiverCount, flows.Value.BufferBytes);
        _receivers = [.. sockets.Select(socket => new FlowReceiver(
            socket,
            exporters,
            new WindowCounter(objects, windows.Value.ReachSeconds, windows.Value.RowLimit),
            queue,
            windows.Value.SendEveryMilliseconds,
            clock))];
        metrics.Observe(_receivers, exporters, clock);
        log.Listening(endpoint, sockets.Length, sockets[0].BufferBytes);
        if (sockets[0].BufferBytes < flows.Value.BufferBytes)
        {
            log.BufferSmallerThanAsked(flows.Value.BufferBytes, sockets[0].BufferBytes);
        }

        foreach (var receiver in _receivers)
        {
            var thread = new Thread(() => Run(receiver)) { IsBackground = true, Name = $"flows {_threads.Count}" };
            _threads.Add(thread);
            thread.Start();
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stop.Cancel();
        return Task.Run(() => _threads.ForEach(thread => thread.Join()), cancellationToken);
    }

    public void Dispose()
    {
        _stop.Dispose();
        foreach (var receiver in _receivers)
        {
            receiver.Dispose();
        }
    }

    // A receiving thread that ends is a service that counts nothing: better a restart that everybody sees.
    private void Run(FlowReceiver receiver)
    {
        try
        {
            receiver.Run(_stop.Token);
        }
        catch (Exception broken)
        {
            log.ReceiverBroke(broken);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }
}
