using Platform.Detection;
using Platform.Detection.Anomalies;
using Platform.Detection.Erasures;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.Hosting;

var builder = WebApplication.CreateBuilder(args);

builder.AddPlatform("detection");
builder.AddEventStore(DetectionModule.Events);
builder.AddMessaging("detection", bus =>
{
    bus.AddConsumer<WhenContractSigned>();
    bus.AddConsumer<WhenContractChanged>();
    bus.AddConsumer<WhenContractTerminated>();
    bus.AddConsumer<WhenErasureDue>();
});
builder.AddProtectedObjects();
builder.AddAnomalies();
builder.AddWindows();
builder.AddErasures();
builder.Services.AddGrpc();

var app = builder.Build();

app.MapPlatform();
app.MapGrpcService<ProtectedObjectsService>();
app.MapGrpcService<AnomaliesService>();

return await app.RunPlatformAsync(args);
