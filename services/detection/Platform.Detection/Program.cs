using Platform.Detection;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.SecurityEvents;
using Platform.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("detection"); // telemetry, health, callers, clock
builder.AddDetection(); // consumers, views, the judges of traffic windows
builder.Services.AddGrpc();

var app = builder.Build();
app.MapPlatform();
app.MapGrpcService<ProtectedObjectsService>();
app.MapGrpcService<AnomaliesService>();
app.MapGrpcService<SecurityEventsService>();
return await app.RunPlatformAsync(args);
