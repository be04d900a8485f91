using Platform.Hosting;
using Platform.Notifications;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("notifications"); // telemetry, health, callers, clock
builder.AddNotifications(); // streams, views, facts, questions

var app = builder.Build();
app.MapPlatform();
app.MapNotifications();
return await app.RunPlatformAsync(args);
